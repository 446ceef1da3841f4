"""The background thread: takes ended calls from a queue, turns them into spans, writes them.

The caller's thread only appends to a deque. The queue is bounded in bytes; what does not fit is
dropped and counted by reason. A forked child starts with an empty queue and a thread of its own.
"""

from __future__ import annotations

import atexit
import logging
import math
import os
import sys
import threading
import time
import weakref
from collections import Counter, deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from llmtrace.errors import SegmentError
from llmtrace.instrument import guard
from llmtrace.instrument.transport import SegmentTransport, traces_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmtrace.config import Settings
    from llmtrace.instrument.call import Call
    from llmtrace.instrument.deferred import DeferredFinisher
    from llmtrace.instrument.finish import Finisher
    from llmtrace.instrument.sender import Sender
    from llmtrace.instrument.step import Step

logger = logging.getLogger("llmtrace")

_RECORD_BYTES: Final = 2_000
"""What a record takes beside its bodies, roughly."""
_BATCH: Final = 512
_BATCH_BYTES: Final = 1_000_000
"""Bytes of bodies after which a batch is full: it bounds memory, the size of a request, and how
long a fork waits for it."""
_FORK_WAIT_S: Final = 5.0
"""Longer than any batch takes; reached only where the disk hangs."""

_all: weakref.WeakSet[Pipeline] = weakref.WeakSet()


class _Bell:
    """Wakes the thread that waits. Like ``threading.Event``, but may be rung from a destructor.

    The garbage collector ends forgotten streams wherever it happens to run, also in the middle of
    ``Event.wait`` or ``Event.set``, whose lock is then held by the very thread that would need it.
    """

    __slots__ = ("_silent",)

    def __init__(self) -> None:
        self._silent = threading.Lock()
        self._silent.acquire()

    def ring(self) -> None:
        """Let the next, or the present, ``wait`` return; ringing twice rings once."""
        try:
            self._silent.release()
        except RuntimeError:
            return  # it rings already

    def wait(self, timeout_s: float | None) -> None:
        """Wait until it rings, or ``timeout_s`` seconds; then it is silent again."""
        self._silent.acquire(timeout=-1 if timeout_s is None else timeout_s)


class Pipeline:
    """One per ``instrument()``; starts its thread with the first record."""

    def __init__(
        self, settings: Settings, finisher: Finisher | DeferredFinisher, *, stores: bool
    ) -> None:
        """Prepare. ``stores`` False: spans go to the given tracer provider alone."""
        self._settings = settings
        self._finisher = finisher
        self.dropped: Counter[str] = Counter()
        """Calls lost since the process started, by reason."""
        self._reported: Counter[str] = Counter()
        self._transport = SegmentTransport(settings, self.dropped) if stores else None
        self._sender = _sender(settings, self._transport, self.dropped)
        self._start_over()
        atexit.register(self.at_exit)
        _all.add(self)

    def submit(self, ended: Call | Step) -> None:
        """Take an ended call in; never blocks. Beyond the byte limit it is dropped and counted."""
        size = ended.size_bytes + _RECORD_BYTES
        if self._queued_bytes + size > self._settings.max_queue_bytes:
            self.dropped["queue_full"] += 1
            if ended.is_live:
                ended.span.end()
            return
        self._queued_bytes += size
        self._queue.append(ended)
        if self._thread is None:
            self._start()
        if self._is_idle:
            self._is_idle = False
            self._wake.ring()

    def process_now(self, ended: Call | Step) -> None:
        """Handle a record on the caller's thread, for providers that export synchronously."""
        with self._work:
            self._handle([ended])

    def flush(self, timeout_s: float, *, gives_up: bool = False) -> bool:
        """Wait until all that was submitted is written (and, with an endpoint, accepted).

        ``gives_up``: do not wait for an endpoint that does not take it; it is on disk.
        """
        deadline = time.monotonic() + timeout_s
        if not self.end_waiting(timeout_s):
            return False
        if self._sender is None:
            return not self._has_unwritten()
        left_s = max(0.0, deadline - time.monotonic())
        return self._sender.wait_until_idle(left_s, gives_up=gives_up)

    def end_waiting(self, timeout_s: float = 30.0) -> bool:
        """Turn what waits into spans now, on this thread; False if the time was up first."""
        deadline = time.monotonic() + timeout_s
        if not self._work.acquire(timeout=timeout_s):
            return False
        try:
            self._drain(deadline)
        finally:
            self._work.release()
        return not self._queue

    def adopt_resource(self, attributes: Mapping[str, object]) -> None:
        """Say that spans belong to the service of the app's own tracer provider."""
        self._finisher.adopt_resource(attributes)

    def flush_at_exit_before_others(self) -> None:
        """Register our exit flush anew, so that it runs before those registered until now."""
        atexit.unregister(self.at_exit)
        atexit.register(self.at_exit)

    def close(self) -> None:
        """Flush and stop. What ends later, as a stream that is open now, is still written."""
        self.flush(self._settings.exit_flush_s)
        self._is_closed = True
        self._wake.ring()
        if self._sender is not None:
            self._sender.stop()
        if self._work.acquire(blocking=False):
            try:
                self._close_transport()
            finally:
                self._work.release()
        atexit.unregister(self.at_exit)

    def before_fork(self) -> None:
        """Let the background thread finish what it is at.

        A lock that it holds (of a module being imported, of lazily read price data) would stay
        held in the child for ever, and the child hang at it.
        """
        self._is_forking = True
        self._work.acquire(timeout=_FORK_WAIT_S)
        self._is_forking = False

    def after_fork_in_parent(self) -> None:
        """Let the background thread go on."""
        with suppress(RuntimeError):  # the time was up before the lock was ours
            self._work.release()

    def after_fork_in_child(self) -> None:
        """Leave the parent's queue, thread and segment to the parent."""
        if self._transport is not None:
            self._transport.abandon()
        if self._sender is not None:
            self._sender.after_fork()
        self._finisher.forget_process()
        self._start_over()

    def _start_over(self) -> None:
        self._queue: deque[Call | Step] = deque()
        self._queued_bytes = 0
        self._thread: threading.Thread | None = None
        self._is_idle = False
        self._is_closed = False
        self._is_forking = False
        self._wake = _Bell()
        self._starting = threading.Lock()
        self._work = threading.RLock()

    def _start(self) -> None:
        # Not blocking: a destructor that comes here while its thread starts ours must not wait.
        if not self._starting.acquire(blocking=False):
            return
        try:
            if self._thread is None:
                # Made only now: gevent may have replaced the locks since this object was made, and
                # a lock of the kind before would stop every greenlet.
                self._wake = _Bell()
                self._thread = self._started_thread()
                if self._is_closed:
                    self.flush_at_exit_before_others()
        finally:
            self._starting.release()

    def _started_thread(self) -> threading.Thread | None:
        """Return the running thread; None at the interpreter's end, where the exit flush writes."""
        _flush_where_atexit_is_skipped()
        thread = threading.Thread(target=self._run, name="llmtrace", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return None
        return thread

    def _run(self) -> None:
        while not self._is_closed or self._queue:
            self._is_idle = True
            if not self._queue:
                self._wake.wait(None if not self._has_unwritten() else 1.0)
            self._is_idle = False
            # Let more calls arrive: one write for many, and no thread switch per call.
            time.sleep(self._settings.flush_interval_s)
            try:
                with self._work:
                    self._drain()
            except Exception:  # noqa: BLE001  # the thread is the only one there is
                guard.fault("thread")
        self._thread = None
        if self._queue:  # ended between the last look and here
            self._start()
        else:
            with self._work:
                self._close_transport()

    def _drain(self, deadline: float = math.inf) -> None:
        while self._queue and not self._is_forking and time.monotonic() < deadline:
            self._handle(self._next_batch())
        if not self._queue:
            # Threads may have miscounted between them (no lock on their side): start afresh.
            self._queued_bytes = 0
        if self._transport is not None:
            self._transport.retry()

    def _next_batch(self) -> list[Call | Step]:
        batch: list[Call | Step] = []
        size = 0
        while self._queue and len(batch) < _BATCH and size < _BATCH_BYTES:
            ended = self._queue.popleft()
            self._queued_bytes -= ended.size_bytes + _RECORD_BYTES
            size += ended.size_bytes
            batch.append(ended)
        return batch

    def _close_transport(self) -> None:
        if self._transport is not None:
            try:
                self._transport.close()
            except SegmentError as error:
                logger.warning("llmtrace: %s", error)

    def _handle(self, batch: list[Call | Step]) -> None:
        try:
            drops = self._unreported()
            payload, spans = self._finisher.finish(
                batch, encode=self._transport is not None, drops=drops
            )
            if payload and self._transport is not None:
                self._transport.write(payload, spans)
                self._reported.update(drops)
                for results, count in self._finisher.results():
                    self._transport.write(results, count)
                if self._sender is not None:
                    self._sender.notify()
        except Exception:  # noqa: BLE001  # the thread goes on with the next batch
            self.dropped["fault"] += len(batch)
            guard.fault("pipeline")

    def _unreported(self) -> dict[str, int]:
        """Return what was dropped since it was last told to the store, by reason."""
        return {
            reason: count - self._reported[reason]
            for reason, count in self.dropped.items()
            if count > self._reported[reason]
        }

    def _has_unwritten(self) -> bool:
        return self._transport is not None and self._transport.is_waiting

    def at_exit(self) -> None:
        """Write what waits, within the time that the exit may take. Never raises.

        An endpoint that does not take it now is not waited for: it is in the outbox.
        """
        try:
            self.flush(self._settings.exit_flush_s, gives_up=True)
        except Exception:  # noqa: BLE001  # nothing of ours shows at the user's exit
            guard.fault("exit")


def _sender(
    settings: Settings, transport: SegmentTransport | None, dropped: Counter[str]
) -> Sender | None:
    """Return what posts the transport's segments to the endpoint; None if there is none."""
    url = traces_url(settings)
    if transport is None or url is None:
        return None
    from llmtrace.instrument.sender import Sender  # noqa: PLC0415  # an HTTP client; few need it

    return Sender(url, transport, settings, dropped)


def _flush_all() -> None:
    for pipeline in list(_all):
        pipeline.at_exit()


def _flush_where_atexit_is_skipped() -> None:
    """Flush at the end of a ``multiprocessing`` worker too: it skips ``atexit``."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None and not any(item is _flush_all for item in _finalized(util)):
        util.Finalize(None, _flush_all, exitpriority=0)


def _finalized(util: Any) -> list[Any]:
    """Return the functions that ``multiprocessing`` calls at this process's end."""
    return [getattr(item, "_callback", None) for item in list(util._finalizer_registry.values())]  # noqa: SLF001  # no public way to ask


def _of_each(method: Callable[[Pipeline], None]) -> Callable[[], None]:
    def call() -> None:
        for pipeline in list(_all):
            method(pipeline)

    return call


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_of_each(Pipeline.before_fork),
        after_in_parent=_of_each(Pipeline.after_fork_in_parent),
        after_in_child=_of_each(Pipeline.after_fork_in_child),
    )
