"""The thread that keeps the store up to date with the segments of apps and of the log.

A transaction costs some 35 ms however little it stores. So what comes first is stored at once, and
what comes in a stream after it in turns, a second apart; sooner once there is a transaction's worth
of it, or when somebody asks.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from llmtrace.errors import LlmtraceError
from llmtrace.store import Drained
from llmtrace.store.segment_chunks import BYTES

if TYPE_CHECKING:
    from llmtrace.store import Drain

logger = logging.getLogger(__name__)
TURN_S: Final = 1.0
"""From the beginning of a run that stored something to the next one."""
_POLL_S: Final = 0.25
"""How often the spool is looked at: apps cannot call."""
_LONGEST_S: Final = 10.0
"""After which a run ends however much there is to do, so that what follows it comes to its turn."""
_AFTER_FAILURE_S: Final = 2.0


class Drainer:
    """Runs a drain when it is told to, and looks by itself four times a second."""

    def __init__(
        self, drain: Drain, *, turn_s: float = TURN_S, longest_s: float = _LONGEST_S
    ) -> None:
        """Prepare; ``start`` starts it."""
        self._drain = drain
        self._turn_s = turn_s
        self._longest_s = longest_s
        self._changed = threading.Condition()
        """Held for all that follows up to ``_deadline``."""
        self._arrived_bytes = 0
        """Since the last run began."""
        self._has_arrived = self._is_asked = self._is_stopping = False
        self._started = 0
        self._finished = 0
        self._deadline_s: float | None = None
        self._began_s = 0.0
        self._error: str | None = None
        self.seconds = 0.0
        """Time spent in runs, for ``/metrics``."""
        self.runs = 0
        self._thread = threading.Thread(target=self._run, name="llmtrace-drain", daemon=True)

    @property
    def error(self) -> str | None:
        """Why the last run failed, for people; None if it did not."""
        return self._error

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def notify(self, size: int) -> None:
        """Know that so many bytes were added to a segment: they are stored at the next turn."""
        with self._changed:
            self._arrived_bytes += size
            self._has_arrived = True
            self._changed.notify_all()

    def refresh(self, timeout_s: float) -> bool:
        """Return once all that is in the segments now has been taken; False if that failed."""
        with self._changed:
            wanted = self._started + 1
            self._is_asked = True
            self._changed.notify_all()
            is_done = self._changed.wait_for(lambda: self._finished >= wanted, timeout_s)
            return is_done and self._error is None

    def stop(self, timeout_s: float) -> None:
        """Run a last time, for at most ``timeout_s`` seconds, and end the thread."""
        if self._thread.ident is None:
            return
        with self._changed:
            self._deadline_s = time.monotonic() + timeout_s
            self._is_stopping = True
            self._changed.notify_all()
        self._thread.join(timeout_s)

    def is_alive(self) -> bool:
        """Say whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            with self._changed:
                is_last = self._is_stopping
                self._started += 1
                self._arrived_bytes = 0
                self._has_arrived = self._is_asked = False
            began_s = self._began_s = time.monotonic()
            has_moved = self._run_once()
            self.seconds += time.monotonic() - began_s
            self.runs += 1
            with self._changed:
                self._finished = self._started
                self._changed.notify_all()
                if not is_last:
                    self._rest(began_s, has_moved=has_moved)

    def _rest(self, began_s: float, *, has_moved: bool) -> None:
        """Wait, with the lock, until it is time for the next run."""
        if self._error is not None:
            self._changed.wait_for(self._is_wanted, _AFTER_FAILURE_S)
        elif has_moved:
            rest_s = began_s + self._turn_s - time.monotonic()
            self._changed.wait_for(lambda: self._is_wanted() or self._is_enough(), max(0.0, rest_s))
        else:
            self._changed.wait_for(lambda: self._is_wanted() or self._has_arrived, _POLL_S)

    def _is_wanted(self) -> bool:
        return self._is_asked or self._is_stopping

    def _is_enough(self) -> bool:
        """Say whether a transaction can be filled with what has arrived."""
        return self._arrived_bytes >= BYTES

    def _run_once(self) -> bool:
        """Run; say whether it found anything to do."""
        try:
            done = self._drain.run(should_stop=self._is_too_late, goes_on=self._goes_on)
        except LlmtraceError as error:
            if str(error) != self._error:
                logger.error("spans wait to be stored: %s", error)  # noqa: TRY400  # no traceback: the message says what to do
            self._error = str(error)
            return False
        except Exception as error:
            logger.exception("spans wait to be stored")
            self._error = f"{type(error).__name__}: {error}"
            return False
        self._error = None
        return done != Drained()

    def _goes_on(self) -> bool:
        """Say whether a run takes what came meanwhile too: a transaction's worth of it."""
        with self._changed:
            if self._is_wanted() or not self._is_enough():
                return False
            if time.monotonic() - self._began_s > self._longest_s:
                return False
            self._arrived_bytes = 0
            return True

    def _is_too_late(self) -> bool:
        return self._deadline_s is not None and time.monotonic() > self._deadline_s
