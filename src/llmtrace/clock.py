"""The only reader of the wall clock. Everything else is handed a time or a ``Clock``.

Durations come from the monotonic clock, so that a stepped wall clock never makes one negative.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

wall_ns = time.time_ns
"""Nanoseconds since 1970-01-01 UTC; for the hot path of the instrumented process."""


class Clock(Protocol):
    """Source of time; tests pass one that stands still."""

    def now(self) -> datetime:
        """Return the present as an aware UTC datetime."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds of a clock that never goes back; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present as an aware UTC datetime."""
        return datetime.now(UTC)

    def monotonic_ns(self) -> int:
        """Return nanoseconds of the machine's monotonic clock."""
        return time.monotonic_ns()


class FixedClock:
    """A clock that moves only when told; for tests, backtests and seeded data."""

    def __init__(self, now: datetime) -> None:
        """Start at ``now`` (aware)."""
        self._now = now
        self._start = now

    def now(self) -> datetime:
        """Return the time last set."""
        return self._now

    def monotonic_ns(self) -> int:
        """Return nanoseconds since this clock was made."""
        return int((self._now - self._start).total_seconds() * 1e9)

    def set(self, now: datetime) -> None:
        """Move to ``now`` (aware)."""
        self._now = now


def unix_ns(moment: datetime) -> int:
    """Return ``moment`` (aware) as integer nanoseconds since 1970-01-01 UTC, exact to 1 µs."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000


def from_unix_ns(value_ns: int) -> datetime:
    """Return integer nanoseconds since 1970-01-01 UTC as an aware datetime (µs, rounded down).

    Raises OverflowError or ValueError outside the years 1 to 9999.
    """
    seconds, rest = divmod(value_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)
