"""A collector's life: lock, listen, publish; and the way back, so that nothing acked is lost.

Runs in threads of this process: the demo, the dashboards and tests use it as a context manager.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self

import uvicorn

from llmtrace.clock import Clock, SystemClock, unix_ns
from llmtrace.collector.access import Access
from llmtrace.collector.addresses import DEFAULT_HOST, DEFAULT_PORT
from llmtrace.collector.app import Routes, make_app
from llmtrace.collector.connections import KEEP_ALIVE_S, Connections
from llmtrace.collector.disk import DiskGuard
from llmtrace.collector.drainer import Drainer
from llmtrace.collector.files import make_token, publish, unpublish
from llmtrace.collector.forward_targets import refuse_self
from llmtrace.collector.forwarding import Forwarding
from llmtrace.collector.intake import Intake
from llmtrace.collector.log import WriteAheadLog
from llmtrace.collector.queries import QueryRoutes
from llmtrace.collector.rate_limit import RateLimits
from llmtrace.collector.self_metrics import SelfMetrics
from llmtrace.collector.tokens import ProjectTokens
from llmtrace.collector.traces import HttpReceiver
from llmtrace.errors import ConfigError, StoreLockedError
from llmtrace.otlp.redacting import RowRedactor
from llmtrace.otlp.rows import leave_unpriced
from llmtrace.pricing import load_price_book
from llmtrace.spool import SegmentWriter
from llmtrace.store import DATABASE_FILE, Drain, StoreLock, Writer
from llmtrace.store.chunks import Reading
from llmtrace.store.drain import WAL
from llmtrace.store.pricing import book_pricer
from llmtrace.store.reader_process import ReaderProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp

    from llmtrace.collector.tls import Tls
    from llmtrace.config import Settings
    from llmtrace.otlp.rows import Pricer
    from llmtrace.store.drain import Reader

Task = Callable[[Writer, threading.Event], None]
"""Runs in a thread of its own beside the collector until the event is set."""

logger = logging.getLogger(__name__)

_LOCK_NAME: Final = "collector"
_LOCK_TIMEOUT_S: Final = 10.0
_START_TIMEOUT_S: Final = 10.0
_STOP_TIMEOUT_S: Final = 5.0
_FORWARD_STOP_S: Final = 2.0


class Collector:
    """One collector on one home. ``start`` once, ``stop`` once."""

    def __init__(  # noqa: PLR0913  # what a collector can be given, each with a default
        self,
        settings: Settings,
        *,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        grpc_port: int | None = None,
        pricer: Pricer | None = None,
        tasks: Sequence[Task] = (),
        clock: Clock | None = None,
        tls: Tls | None = None,
        disk: DiskGuard | None = None,
        connections: Connections | None = None,
    ) -> None:
        """Check the arguments; nothing is touched yet.

        Args:
            settings: home and token; without a token one is made for readers on this machine.
            host: address to listen on; one that others can reach needs ``settings.token``.
            port: 0 takes a free one, see ``url``.
            grpc_port: for OTLP/gRPC, 0 takes a free one, see ``grpc_url``; None: no gRPC.
            pricer: prices calls that come without a cost; None takes the published prices and
                the user's price file. Raises PriceFileError if that file is wrong.
            tasks: run with (writer, stop event) in threads of their own, as the alert engine.
            clock: for the times in the store and in file names.
            tls: certificate and key for both receivers; None: neither encrypts.
            disk: says when the disk is too full to take more; None: that of the home.
            connections: how long HTTP clients may be silent, and how many there may be.

        """
        if not _is_loopback(host) and settings.token is None:
            raise ConfigError(
                f"host {host!r} can be reached from other machines and no token is set; "
                "set LLMTRACE_TOKEN to a long random text, or listen on 127.0.0.1"
            )
        self._settings = settings
        self._home = settings.home
        self._host = host
        self._port = port
        self._grpc_port = grpc_port
        self._grpc_url: str | None = None
        self._tls = tls
        self._disk = disk or DiskGuard(settings.home)
        book = load_price_book(settings) if pricer is None else None
        self._pricer = book_pricer(book) if book is not None else pricer or leave_unpriced
        self._has_settings_prices = book is not None
        self._price_version = lambda: "none" if book is None else book.version
        self._tasks = tasks
        self._clock = clock or SystemClock()
        self._forwarding = Forwarding(settings, disk=self._disk, clock=self._clock)
        self._connections = connections or Connections()
        self._stack = ExitStack()
        self._url = ""

    @property
    def url(self) -> str:
        """``http://host:port`` for clients on this machine; empty before ``start``."""
        return self._url

    @property
    def grpc_url(self) -> str | None:
        """``host:port`` for gRPC clients on this machine; None before ``start`` or without gRPC."""
        return self._grpc_url

    @property
    def forwards_to(self) -> list[str]:
        """The backends that spans are sent on to, for people."""
        return [target.shown for target in self._forwarding.targets]

    def start(self) -> Self:
        """Take the home, listen, publish; return when requests are answered.

        Raises StoreLockedError (another collector, named), ConfigError (port taken), StoreError.
        """
        with ExitStack() as stack:
            self._take_lock(stack)
            listener = _listener(self._host, self._port)
            stack.callback(listener.close)
            writer = stack.enter_context(Writer(self._home / DATABASE_FILE, clock=self._clock))
            port: int = listener.getsockname()[1]
            refuse_self(self._forwarding.targets, self._host, [port, self._grpc_port or port])
            app, drainer = self._assemble(stack, writer)
            self._serve(stack, app, listener)
            drainer.start()
            self._forwarding.start()
            self._run_tasks(stack, writer)
            self._url = _url(self._host, port)
            if self._tls is not None:
                self._url = self._url.replace("http://", "https://", 1)
            stack.callback(unpublish, self._home)
            publish(
                self._home,
                url=self._url,
                started_at=self._clock.now(),
                fingerprint=None if self._tls is None else self._tls.fingerprint,
            )
            self._stack = stack.pop_all()
        return self

    def stop(self) -> None:
        """Stop listening, store what was acked (for at most 5 s), let go. Twice does nothing."""
        self._stack.close()

    def _take_lock(self, stack: ExitStack) -> None:
        lock = StoreLock(self._home)

        def is_collector() -> bool:
            return lock.holder()[1] == _LOCK_NAME

        if not lock.acquire(_LOCK_NAME, timeout_s=_LOCK_TIMEOUT_S, give_up=is_collector):
            pid, _ = lock.holder()
            raise StoreLockedError(
                f"a collector already runs on {self._home}: process {pid}; "
                "use that one, stop it, or set LLMTRACE_HOME to another folder"
            )
        stack.callback(lock.release)

    def _assemble(self, stack: ExitStack, writer: Writer) -> tuple[ASGIApp, Drainer]:
        segments = SegmentWriter(
            self._home / WAL, now_ns=lambda: unix_ns(self._clock.now()), pid=os.getpid()
        )
        self._forwarding.prepare(writer)
        # Last of all: what was drained at the end is sent on, too.
        stack.callback(self._forwarding.stop, _FORWARD_STOP_S)
        drain = Drain(self._home, writer, self._reader(stack), clock=self._clock)
        drainer = Drainer(drain)
        # The way back is the reverse: the log is closed first, then drained a last time.
        stack.callback(drainer.stop, _STOP_TIMEOUT_S)
        log = WriteAheadLog(segments, drainer.notify)
        stack.callback(log.close)
        limits = RateLimits(self._settings.max_bytes_per_second)
        intake = Intake(log, self._disk, limits)
        queries = QueryRoutes(writer)
        stack.callback(queries.close)
        routes = Routes(
            writer=writer,
            drain=drain,
            drainer=drainer,
            intake=intake,
            figures=SelfMetrics(
                home=self._home,
                intake=intake,
                drain=drain,
                drainer=drainer,
                counts=writer.counts,
                price_version=self._price_version,
                forwarded=self._forwarding.figures,
                questions=queries.outcomes,
                closed=self._connections.closed,
            ),
            settings=self._settings,
            clock=self._clock,
        )
        token = self._settings.token or make_token(self._home)
        projects = ProjectTokens(self._home, self._clock)
        access = Access(token, projects, is_guarded=not _is_loopback(self._host))
        receiver = HttpReceiver(intake, self._forwarding.via)
        app = self._connections.watched(make_app(routes, queries, receiver, access))
        if self._grpc_port is not None:
            self._open_grpc(stack, intake, access)
        return app, drainer

    def _reader(self, stack: ExitStack) -> Reader:
        reading = Reading(self._pricer, RowRedactor(self._settings.capture_content))
        if not self._has_settings_prices:
            return reading  # a pricer of somebody's own goes to no other process
        reader = ReaderProcess(self._settings, reading)
        stack.callback(reader.close)
        return reader

    def _open_grpc(self, stack: ExitStack, intake: Intake, access: Access) -> None:
        from llmtrace.collector.grpc_receiver import (  # noqa: PLC0415  # a large library; few need it
            GrpcReceiver,
        )

        port = self._grpc_port or 0
        receiver = GrpcReceiver(intake, host=self._host, port=port, access=access, tls=self._tls)
        receiver.start()
        stack.callback(receiver.stop)
        self._grpc_url = _url(self._host, receiver.port).partition("://")[2]

    def _serve(self, stack: ExitStack, app: ASGIApp, listener: socket.socket) -> None:
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=self._connections.protocol,  # pyright: ignore[reportArgumentType]  # called as the class would be
                ws="none",
                log_config=None,
                access_log=False,
                lifespan="off",
                limit_concurrency=512,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=3,
                server_header=False,
                ssl_certfile=None if self._tls is None else self._tls.certificate,
                ssl_keyfile=None if self._tls is None else self._tls.key,
            )
        )
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="llmtrace-http", daemon=True
        )

        def stop() -> None:
            server.should_exit = True
            thread.join(_STOP_TIMEOUT_S)

        thread.start()
        stack.callback(stop)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise ConfigError(f"the HTTP server on {self._host} did not start; see the log")
            time.sleep(0.005)

    def _run_tasks(self, stack: ExitStack, writer: Writer) -> None:
        stopping = threading.Event()
        threads = [
            threading.Thread(target=_guarded, args=(task, writer, stopping), daemon=True)
            for task in self._tasks
        ]

        def stop() -> None:
            stopping.set()
            for thread in threads:
                thread.join(_STOP_TIMEOUT_S)

        stack.callback(stop)
        for thread in threads:
            thread.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _guarded(task: Task, writer: Writer, stopping: threading.Event) -> None:
    try:
        task(writer, stopping)
    except Exception:
        logger.exception("a task of the collector ended; spans are still taken and stored")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listener(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # Named, or asyncio does not know it for TCP and leaves Nagle's algorithm on: an answer then
        # waits 40 ms for the acknowledgement of its headers.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(1024)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error.strerror or error}; "
            "stop what uses it, or choose another (`--port 0` takes a free one)"
        ) from error
    return listener


def _url(host: str, port: int) -> str:
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
