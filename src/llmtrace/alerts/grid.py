"""When a rule is evaluated and what its window is: arithmetic on times, no clock.

Ticks lie on a grid of multiples of ``every`` since 1970, so that a restart does not move them.
Every window is half-open: its start belongs to it, its end does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from llmtrace.alerts.model import Threshold
from llmtrace.store.metric_time import period_start

if TYPE_CHECKING:
    from llmtrace.alerts.model import AlertRule, Budget

CATCH_UP: Final = timedelta(hours=24)
"""How far back missed ticks are made up for; older ones are skipped."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A half-open range of time, aware UTC."""

    start: datetime
    end: datetime
    period: str | None = None
    """A budget period's first day, as ISO date in the budget's timezone."""


def last_tick_at(moment: datetime, every: timedelta) -> datetime:
    """Return the last point of the grid that is not after ``moment``."""
    return _EPOCH + ((moment - _EPOCH) // every) * every


def due_ticks(
    rule: AlertRule, last_tick: datetime | None, now: datetime, *, limit: int
) -> list[datetime]:
    """Return at most ``limit`` ticks to evaluate next, oldest first.

    A rule that was never evaluated begins with the newest tick: its past is no news.
    """
    newest = last_tick_at(now - rule.delay, rule.every)
    if last_tick is None:
        return [newest]
    oldest = last_tick_at(max(last_tick, newest - CATCH_UP), rule.every) + rule.every
    count = max(0, (newest - oldest) // rule.every + 1)
    return [oldest + index * rule.every for index in range(min(count, limit))]


def window_of(rule: AlertRule, tick: datetime) -> Window:
    """Return what ``rule`` looks at when it is evaluated at ``tick``."""
    if isinstance(rule.when, Threshold):
        return Window(start=tick - rule.when.window, end=tick)
    return period_of(rule.when.budget, tick)


def period_of(budget: Budget, tick: datetime) -> Window:
    """Return the budget's period so far, up to ``tick``.

    A tick exactly at midnight still belongs to the day that ends: it sees that day's whole spend.
    """
    # Half-open ranges: the moment just before the tick says which period the tick closes.
    start = period_start(tick - timedelta(microseconds=1), budget.period, budget.timezone)
    day = start.astimezone(ZoneInfo(budget.timezone)).date()
    return Window(start=start, end=tick, period=day.isoformat())
