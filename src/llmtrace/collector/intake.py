"""What every receiver does with a request: bound it, check it, log it durably, count it.

The HTTP and gRPC receivers differ in how they read a request and how they say no; why they say no,
and what an acknowledgement means, is decided here once.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from llmtrace.collector.rate_limit import RateLimits
from llmtrace.errors import LlmtraceError
from llmtrace.otlp.decode import MalformedOtlpError, TooManySpansError, check
from llmtrace.otlp.mended import mended
from llmtrace.otlp.project import with_project
from llmtrace.otlp.weight import check_weight

if TYPE_CHECKING:
    from concurrent.futures import Future

    from llmtrace.collector.disk import DiskGuard
    from llmtrace.collector.log import WriteAheadLog
    from llmtrace.otlp.decode import Checked

MAX_BYTES_IN_FLIGHT: Final = 64 * 1024 * 1024


class OverloadedError(LlmtraceError):
    """Too much is being received at once; the client may try again soon."""


class Taken(NamedTuple):
    """A request on its way to the disk."""

    checked: Checked
    done: Future[None]
    """Done when it may be acknowledged; carries SegmentError if it could not be written."""
    replaced: int
    """Characters that stand for what was no UTF-8."""


class Intake:
    """Takes requests from all receivers and counts what it took."""

    def __init__(
        self,
        log: WriteAheadLog,
        disk: DiskGuard | None = None,
        limits: RateLimits | None = None,
    ) -> None:
        """Write what comes to ``log``, unless ``disk`` is too full; ``limits``: None is none."""
        self._log = log
        self._disk = disk
        self.limits = limits or RateLimits(None)
        self._lock = threading.Lock()
        self._in_flight_bytes = 0
        self.received = 0
        """Spans with valid ids acknowledged since the start."""
        self.acknowledged: dict[str, int] = {}
        """All spans of acknowledged requests since the start, by receiver (``http``, ``grpc``)."""
        self.refused: dict[str, int] = {}
        """Requests refused since the start, by the status that said so."""
        self.unsupported: dict[str, int] = {}
        """Log records and metric points that were refused, by signal."""
        self.replaced = 0
        """Characters that stand for what was no UTF-8, since the start."""

    def enter(self, size: int) -> None:
        """Make room for a request of ``size`` bytes; ``leave`` gives it back.

        Raises OverloadedError if there is none, in memory or on the disk.
        """
        if self.is_disk_low:
            raise OverloadedError(
                "the collector's disk is almost full and takes no more spans until there is space; "
                "what is stored can be read"
            )
        with self._lock:
            if self._in_flight_bytes and self._in_flight_bytes + size > MAX_BYTES_IN_FLIGHT:
                raise OverloadedError("too much is being received at once; try again")
            self._in_flight_bytes += size

    def room(self) -> Room:
        """Return the room of one request, which grows as it is read and unpacked."""
        return Room(self)

    @property
    def is_disk_low(self) -> bool:
        """Say whether nothing is taken because the disk is too full."""
        return self._disk is not None and self._disk.is_low

    def leave(self, size: int) -> None:
        """Give the room of a request back."""
        with self._lock:
            self._in_flight_bytes -= size

    def take(
        self, payload: bytes, receiver: str, project: str | None = None, *, replaced: int = 0
    ) -> Taken:
        """Check a protobuf request and log it; it may be acknowledged when its future is done.

        ``project``: recorded on its spans. ``replaced``: characters that its JSON lost already.
        Text that is no UTF-8 is replaced, for one bad byte must not cost a batch.
        Raises MalformedOtlpError.
        """
        check_weight(payload)
        try:
            checked = check(payload)
        except TooManySpansError:
            raise
        except MalformedOtlpError:
            found = mended(payload)
            if found is None:
                raise
            payload, replaced = found.payload, replaced + found.replaced
            checked = check(payload)
        taken = Taken(checked, self._log.append(with_project(payload, project)), replaced)
        # Here and not by the receiver: its client may be gone before it could count.
        taken.done.add_done_callback(lambda _: self._count(taken, receiver))
        return taken

    def _count(self, taken: Taken, receiver: str) -> None:
        """Count a request that is on the disk."""
        checked, done, replaced = taken
        if done.cancelled() or done.exception() is not None:
            return
        with self._lock:
            self.replaced += replaced
            self.received += checked.spans - checked.rejected
            self.acknowledged[receiver] = self.acknowledged.get(receiver, 0) + checked.spans

    def refuse(self, status: str) -> None:
        """Count a request that was not taken."""
        with self._lock:
            self.refused[status] = self.refused.get(status, 0) + 1

    def refuse_signal(self, signal: str, count: int) -> None:
        """Count what is not spans: it is refused in words, never dropped in silence."""
        with self._lock:
            self.unsupported[signal] = self.unsupported.get(signal, 0) + count


class Room:
    """What one request holds of the bytes in flight; given back all at once.

    A small body may stand for a large one: what counts is what lies in memory.
    """

    def __init__(self, intake: Intake) -> None:
        """Hold nothing yet."""
        self._intake = intake
        self._lock = threading.Lock()
        self._held = 0
        self._is_open = True

    def grow(self, size: int) -> None:
        """Hold ``size`` more bytes. Raises OverloadedError if there is no room."""
        with self._lock:
            # A client that is gone has given its room back while a thread still unpacks its body.
            if self._is_open:
                self._intake.enter(size)
                self._held += size

    def close(self) -> None:
        """Give everything back."""
        with self._lock:
            self._is_open = False
            self._intake.leave(self._held)
            self._held = 0


def remark(taken: Taken) -> str:
    """Return what is said of what was not taken as it came; empty if all was."""
    checked = taken.checked
    remarks: list[str] = []
    if checked.rejected:
        remarks.append(
            f"{checked.rejected} of {checked.spans} spans have no valid trace or span id"
        )
    if taken.replaced:
        remarks.append(f"text that is not UTF-8 was replaced by U+FFFD, {taken.replaced} times")
    return "; ".join(remarks)
