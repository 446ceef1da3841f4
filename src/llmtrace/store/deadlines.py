"""Calls something when a time is over, until whoever set the time ends it: one thread for all.

A timer of its own for each query costs as much as a small query itself. The thread looks twenty
times a second while there are deadlines, and sleeps while there are none.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_LOOK_S: Final = 0.05


@dataclass(slots=True, eq=False)
class Deadline:
    """One of them; ``start`` makes it."""

    at: float
    """On the clock of ``time.monotonic``."""
    call: Callable[[], None]
    is_over: bool = False
    """Whether ``call`` was called, or is just being."""


class _Watch:
    def __init__(self) -> None:
        self._running: set[Deadline] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, deadline: Deadline) -> None:
        with self._changed:
            self._running.add(deadline)
            if self._thread is None or not self._thread.is_alive():  # or gone with a fork
                self._thread = threading.Thread(
                    target=self._look, name="llmtrace-deadlines", daemon=True
                )
                self._thread.start()
            elif len(self._running) == 1:
                self._changed.notify()

    def remove(self, deadline: Deadline) -> None:
        with self._changed:
            self._running.discard(deadline)

    def _look(self) -> None:
        while True:
            with self._changed:
                while not self._running:
                    self._changed.wait()
                # With the lock: once ``end`` has returned, nothing is called any more.
                for each in self._running:
                    if each.at <= time.monotonic():
                        _call(each)
            time.sleep(_LOOK_S)


def _call(deadline: Deadline) -> None:
    deadline.is_over = True
    try:
        deadline.call()
    except Exception:
        logger.exception("what a deadline calls failed")


_watch: Final = _Watch()


def start(seconds: float, call: Callable[[], None]) -> Deadline:
    """Have ``call`` called when so many seconds are over, and again until ``end``.

    It returns at once. Again, for an interrupt between two statements is heard by none.
    """
    deadline = Deadline(at=time.monotonic() + seconds, call=call)
    _watch.add(deadline)
    return deadline


def end(deadline: Deadline) -> None:
    """Do not call it from now on."""
    _watch.remove(deadline)
