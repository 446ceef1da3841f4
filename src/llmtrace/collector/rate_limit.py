"""How much each project may send: a bucket of bytes that fills with time. Pure but for its clock.

A request is taken while the bucket holds anything, and takes it below zero if it is larger: so a
batch larger than the bucket is not refused for ever, and the mean rate holds all the same.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from llmtrace.errors import LlmtraceError

if TYPE_CHECKING:
    from collections.abc import Callable

_BURST_S: Final = 10.0
"""Seconds of the rate that may come at once: exporters send every five or ten seconds."""
_LONGEST_WAIT_S: Final = 5
"""Stock exporters give a batch up after 10 s in all."""
NO_PROJECT: Final = "(none)"
"""Whoever sends without a project's token; all of them are one. No project can be called so."""


class RateLimitedError(LlmtraceError):
    """A project sends more than it may."""

    def __init__(self, project: str, wait_s: int, bytes_per_s: int) -> None:
        """``wait_s``: when to try again."""
        whose = "whoever sends without a project's token" if project == NO_PROJECT else project
        super().__init__(
            f"{whose} may send {bytes_per_s} bytes a second (LLMTRACE_MAX_BYTES_PER_SECOND); "
            f"try again in {wait_s} s"
        )
        self.wait_s = wait_s


class RateLimits:
    """One bucket for each project; any thread may ask."""

    def __init__(
        self, bytes_per_s: int | None, *, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        """``bytes_per_s``: of each project, unpacked; None: no limit."""
        self._rate = bytes_per_s
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}
        """Project → bytes it may send at once, and when that was so."""
        self.refused: Counter[str] = Counter()
        """Requests refused since the start, by project."""

    def admit(self, project: str | None, size: int) -> None:
        """Take ``size`` bytes from a project's bucket. Raises RateLimitedError if it is empty."""
        if self._rate is None:
            return
        name = NO_PROJECT if project is None else project
        full = self._rate * _BURST_S
        with self._lock:
            now = self._monotonic_s()
            level, then = self._buckets.get(name, (full, now))
            level = min(full, level + (now - then) * self._rate)
            if level > 0:
                self._buckets[name] = (level - size, now)
                return
            self._buckets[name] = (level, now)
            self.refused[name] += 1
        wait_s = math.ceil(-level / self._rate) or 1
        raise RateLimitedError(name, min(wait_s, _LONGEST_WAIT_S), self._rate)
