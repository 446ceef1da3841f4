"""The HTTP machinery: a threaded loopback server that can also misbehave on purpose.

It reads requests, records them with credentials blanked, asks its owner for a ``Sending`` and
writes exactly those bytes: whole or in chunks, with delays, cut, stalled or not at all.
It knows no provider.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

from llmtrace.testing.provider.events import JsonObject, as_object

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

logger = logging.getLogger(__name__)

_SECRET_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"})
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_MAX_BODY_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came in."""

    method: str
    path: str
    """Without the query."""
    query: dict[str, list[str]]
    headers: dict[str, str]
    """Names in lower case; credentials are replaced by ``***``."""
    body: bytes
    json: Any
    """The parsed body; None if it is empty or not JSON."""
    credential: str = field(default="missing")
    """``missing`` | ``invalid`` (the key says so itself) | ``accepted``; never the key."""

    def json_object(self) -> JsonObject:
        """Return the body if it is a JSON object, else an empty one."""
        return as_object(self.json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What goes out for one request, and how it ends."""

    status: int
    headers: dict[str, str]
    pieces: tuple[bytes, ...]
    is_chunked: bool
    """Each piece is one HTTP chunk; otherwise all are one body with a Content-Length."""
    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    cut_after_bytes: int | None = None
    """Close the connection after so many bytes of the body; None: send all of it."""
    stall_s: float = 0.0
    """Seconds of silence before the cut."""
    is_dropped: bool = False
    """Close without a status line."""


Respond = Callable[[Received], Sending]


class LoopbackServer:
    """A server on 127.0.0.1 that answers with what ``respond`` returns; a context manager."""

    def __init__(self, respond: Respond, *, port: int = 0) -> None:
        """Bind ``port`` (0: any free one) at once; raise OSError if it is taken."""
        self._respond = respond
        self._lock = threading.Lock()
        self._received: list[Received] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._http = _HttpServer(("127.0.0.1", port), _Handler)
        self._http.owner = self

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._http.server_address[1]

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:PORT``, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Received]:
        """All requests so far, in the order of arrival; a copy."""
        with self._lock:
            return list(self._received)

    def start(self) -> Self:
        """Serve in a daemon thread until ``stop``."""
        serve = self._http.serve_forever
        self._thread = threading.Thread(
            target=serve, kwargs={"poll_interval": 0.01}, name="llmtrace-loopback", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving, close every connection, end every stall; twice does nothing more."""
        self._stopping.set()
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join(timeout=5)
            self._thread = None
        self._http.close_connections()
        self._http.server_close()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def answer(self, received: Received) -> Sending:
        """Record a request and decide on its answer; called by the connections' threads."""
        with self._lock:
            self._received.append(received)
        return self._respond(received)

    def wait(self, seconds: float) -> None:
        """Sleep, but not past ``stop``."""
        if seconds > 0:
            self._stopping.wait(seconds)


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    owner: LoopbackServer

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without the reverse DNS look-up of ``HTTPServer``, which may block."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._open_lock:
                self._open.discard(request)

    def close_connections(self) -> None:
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - inherited
        """Keep quiet about clients that leave early; log the rest instead of printing it."""
        logger.debug("connection ended: %r", sys.exception())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "llmtrace-local"
    sys_version = ""
    disable_nagle_algorithm = True
    """Chunks must leave one by one; Nagle would hold small ones back for 40 ms."""

    def _serve(self) -> None:
        owner = cast("_HttpServer", self.server).owner
        body = self._read_body()
        if body is None:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            self.close_connection = True
            return
        try:
            sending = owner.answer(_receive(self.command, self.path, dict(self.headers), body))
        except Exception:
            # A bug of ours must look like one: a bare 500, and the reason in the log.
            logger.exception("cannot answer %s %s", self.command, urlsplit(self.path).path)
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        _Writer(self, owner).send(sending)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - names that http.server looks up

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        """Stay silent: ``requests`` is the log."""

    def _read_body(self) -> bytes | None:
        """Return the body, or None if it is larger than the limit."""
        if "chunked" in self.headers.get("transfer-encoding", ""):
            parts: list[bytes] = []
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        length = int(self.headers.get("content-length") or 0)
        return self.rfile.read(length) if length <= _MAX_BODY_BYTES else None


class _Writer:
    """Writes one ``Sending`` to one connection."""

    def __init__(self, handler: _Handler, owner: LoopbackServer) -> None:
        self._handler = handler
        self._owner = owner

    def send(self, sending: Sending) -> None:
        self._owner.wait(sending.delay_s)
        if sending.is_dropped:
            self._cut(sending)
            return
        head = self._head(sending)
        left = sending.cut_after_bytes
        if not sending.is_chunked:
            body = b"".join(sending.pieces)
            self._write(head + body[:left])
            if left is not None and left < len(body):
                self._cut(sending)
            return
        self._write(head)
        for index, piece in enumerate(sending.pieces):
            if index:
                self._owner.wait(sending.chunk_delay_s)
            if left is not None and len(piece) >= left:
                self._write_chunk(piece[:left])
                self._cut(sending)
                return
            left = None if left is None else left - len(piece)
            self._write_chunk(piece)
        self._write(b"0\r\n\r\n")

    def _head(self, sending: Sending) -> bytes:
        headers = dict(sending.headers)
        headers["date"] = self._handler.date_time_string()
        if sending.is_chunked:
            headers["transfer-encoding"] = "chunked"
        else:
            headers["content-length"] = str(sum(map(len, sending.pieces)))
        lines = [f"HTTP/1.1 {sending.status} {_REASONS.get(sending.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _write_chunk(self, piece: bytes) -> None:
        if piece:
            self._write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def _write(self, data: bytes) -> None:
        self._handler.wfile.write(data)

    def _cut(self, sending: Sending) -> None:
        """Close in the middle; what was written before still reaches the client."""
        self._owner.wait(sending.stall_s)
        self._handler.close_connection = True
        with contextlib.suppress(OSError):
            self._handler.connection.shutdown(socket.SHUT_RDWR)


def _receive(method: str, target: str, headers: dict[str, str], body: bytes) -> Received:
    parts = urlsplit(target)
    lowered = {name.lower(): value for name, value in headers.items()}
    key = lowered.get("x-api-key") or lowered.get("api-key") or lowered.get("x-goog-api-key")
    key = key or lowered.get("authorization", "").removeprefix("Bearer")
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    return Received(
        method=method,
        path=parts.path,
        query=parse_qs(parts.query),
        headers={n: "***" if n in _SECRET_HEADERS else v for n, v in lowered.items()},
        body=body,
        json=value,
        credential=_judge(key.strip()),
    )


def _judge(key: str) -> str:
    if not key:
        return "missing"
    return "invalid" if "invalid" in key else "accepted"
