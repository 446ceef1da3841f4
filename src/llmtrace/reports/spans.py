"""The time a report is about, the time before it, and the earlier times it is held against. Pure.

A calendar span (day, week, month) is shifted on the local clock, so that a day of 25 hours is held
against whole days; any other is shifted by its own length.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from llmtrace.store.metric_time import check_timezone, next_start, period_start

Calendar = Literal["day", "week", "month"]
Range = tuple[datetime, datetime]
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A half-open range of time, aware UTC."""

    start: datetime
    end: datetime
    calendar: Calendar | None = None
    """That of which it is the beginning or the whole; None: any range."""
    timezone: str = "UTC"

    def before(self) -> Range:
        """Return what a change is measured against: yesterday until then, last week, …."""
        if self.calendar is None:
            return self.start - (self.end - self.start), self.start
        if self.calendar == "month":
            return self._months_ago(1)
        return self._days_ago(1 if self.calendar == "day" else 7)

    def earlier(self, count: int) -> list[Range]:
        """Return ``count`` spans that say what is usual, the latest first.

        A span of up to a week is held against the same hours of the same weekdays.
        """
        numbers = range(1, count + 1)
        if self.calendar == "month":
            return [self._months_ago(number) for number in numbers]
        length = self.end - self.start
        # Until now ends a second ahead: seven days and a second are still a week.
        if self.calendar is not None or length < _WEEK + timedelta(minutes=1):
            return [self._days_ago(7 * number) for number in numbers]
        return [(self.start - length * number, self.end - length * number) for number in numbers]

    def _days_ago(self, days: int) -> Range:
        zone = check_timezone(self.timezone)

        def shifted(moment: datetime) -> datetime:
            return (moment.astimezone(zone) - timedelta(days=days)).astimezone(UTC)

        return shifted(self.start), shifted(self.end)

    def _months_ago(self, months: int) -> Range:
        start = self.start
        for _ in range(months):
            start = period_start(start - timedelta(days=1), "month", self.timezone)
        is_whole = self.end == next_start(self.start, "month", self.timezone)
        month_end = next_start(start, "month", self.timezone)
        return start, month_end if is_whole else min(start + (self.end - self.start), month_end)


def last_whole(calendar: Calendar, now: datetime, timezone: str) -> Span:
    """Return the last day, week (from Monday) or month that is over at ``now``."""
    end = period_start(now, calendar, timezone)
    start = period_start(end - timedelta(microseconds=1), calendar, timezone)
    return Span(start=start, end=end, calendar=calendar, timezone=timezone)
