"""The thread that keeps the store up to date with the segments of apps and of the log."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import TYPE_CHECKING, Final

from llmtrace.errors import LlmtraceError
from llmtrace.store import Drained

if TYPE_CHECKING:
    from llmtrace.store import Drain

logger = logging.getLogger(__name__)
_POLL_S: Final = 0.25
"""How often the spool is looked at: apps cannot call."""
_AFTER_FAILURE_S: Final = 2.0


class Drainer:
    """Runs a drain whenever it is told to, and four times a second."""

    def __init__(self, drain: Drain) -> None:
        """Prepare; ``start`` starts it."""
        self._drain = drain
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._turn = threading.Condition()
        self._deadline = math.inf
        self._started = 0
        self._finished = 0
        self._total = Drained()
        self._error: str | None = None
        self.seconds = 0.0
        """Time spent in runs, for ``/metrics``."""
        self.runs = 0
        self._thread = threading.Thread(target=self._run, name="llmtrace-drain", daemon=True)

    @property
    def total(self) -> Drained:
        """What was moved since the start."""
        return self._total

    @property
    def error(self) -> str | None:
        """Why the last run failed, for people; None if it did not."""
        return self._error

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def notify(self) -> None:
        """Run soon."""
        self._wake.set()

    def refresh(self, timeout_s: float) -> bool:
        """Return once all that is in the segments now has been taken; False if that failed."""
        with self._turn:
            wanted = self._started + 1
            self._wake.set()
            is_done = self._turn.wait_for(lambda: self._finished >= wanted, timeout_s)
            return is_done and self._error is None

    def stop(self, timeout_s: float) -> None:
        """Run a last time, for at most ``timeout_s`` seconds, and end the thread."""
        if self._thread.ident is None:
            return
        self._deadline = time.monotonic() + timeout_s
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout_s)

    def is_alive(self) -> bool:
        """Say whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopping.is_set()
            with self._turn:
                self._started += 1
            began = time.monotonic()
            self._run_once()
            self.seconds += time.monotonic() - began
            self.runs += 1
            with self._turn:
                self._finished = self._started
                self._turn.notify_all()
            if not is_last:
                self._wake.wait(_POLL_S if self._error is None else _AFTER_FAILURE_S)
                self._wake.clear()

    def _run_once(self) -> None:
        try:
            done = self._drain.run(should_stop=lambda: time.monotonic() > self._deadline)
        except LlmtraceError as error:
            if str(error) != self._error:
                logger.error("spans wait to be stored: %s", error)  # noqa: TRY400  # no traceback: the message says what to do
            self._error = str(error)
            return
        except Exception as error:
            logger.exception("spans wait to be stored")
            self._error = f"{type(error).__name__}: {error}"
            return
        self._error = None
        self._total = Drained(
            stored=self._total.stored + done.stored,
            duplicates=self._total.duplicates + done.duplicates,
            dead_letters=self._total.dead_letters + done.dead_letters,
            damaged=self._total.damaged + done.damaged,
        )
