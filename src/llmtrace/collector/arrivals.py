"""Calls whose message has not come: ended in time, and the oldest first where too many wait.

A worker waits for each of them. A client that opens calls and sends nothing would hold all workers
and keep everybody else out; so only some may wait at once, and the longest waiting gives way.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

MESSAGE_TIMEOUT_S: Final = 30.0
"""As long as a body may take by HTTP."""
_LOOK_EVERY_S: Final = 1.0


@dataclass(slots=True, eq=False)
class Arrival:
    """A call that waits for its message."""

    due_s: float
    cancel: Callable[[], object]
    is_ended: bool = False
    """Whether we ended it."""

    def end(self) -> None:
        """End it; the waiting thread is told by the library."""
        self.is_ended = True
        self.cancel()


class Arrivals:
    """The calls that wait for their message; from any thread."""

    def __init__(
        self,
        *,
        at_most: int,
        timeout_s: float = MESSAGE_TIMEOUT_S,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """``at_most``: fewer than there are workers; ``timeout_s``: from call to message."""
        self._at_most = at_most
        self._timeout_s = timeout_s
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._waiting: dict[Arrival, None] = {}
        """Oldest first."""
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """End in time what waits for too long, in a thread of its own."""
        self._thread = threading.Thread(
            target=self._run, name="llmtrace-grpc-arrivals", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def waiting(self, cancel: Callable[[], object]) -> Generator[Arrival]:
        """Count a call as waiting within; ``cancel`` ends it, from whichever thread."""
        arrival = Arrival(self._monotonic_s() + self._timeout_s, cancel)
        with self._lock:
            oldest = None
            if len(self._waiting) >= self._at_most:
                oldest = next(iter(self._waiting))
                del self._waiting[oldest]
            self._waiting[arrival] = None
        if oldest is not None:
            oldest.end()
        try:
            yield arrival
        finally:
            with self._lock:
                self._waiting.pop(arrival, None)

    def end_late(self) -> None:
        """End the calls whose message is overdue."""
        now = self._monotonic_s()
        with self._lock:
            late = [arrival for arrival in self._waiting if arrival.due_s <= now]
            for arrival in late:
                del self._waiting[arrival]
        for arrival in late:
            arrival.end()

    def _run(self) -> None:
        while not self._stopping.wait(min(_LOOK_EVERY_S, self._timeout_s / 4)):
            self.end_late()
