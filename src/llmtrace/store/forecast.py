"""Where the spend of a month, week or day is heading. Pure; no store, no clock.

Linear: what was spent so far, plus the same rate for the time that is left. The rate counts from
the period's beginning or, if that is later, from the first call that is stored. A projection from
a few hours misleads more than it helps, so there is none before one day and 5 % of a month, one
day of a week, six hours of a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from llmtrace.store.metric_time import next_start, period_start

if TYPE_CHECKING:
    from collections.abc import Mapping

Period = Literal["day", "week", "month"]

MIN_ELAPSED: Final = timedelta(days=1)
MIN_SHARE: Final = Decimal("0.05")
_MIN_ELAPSED: Final[Mapping[Period, timedelta]] = {
    "day": timedelta(hours=6),
    "week": MIN_ELAPSED,
    "month": MIN_ELAPSED,
}
_NEEDED: Final[Mapping[Period, str]] = {
    "day": "six hours",
    "week": "a day",
    "month": "a day and 5 % of the month",
}
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodForecast:
    """What a period will have cost at its end if it goes on as it went."""

    spent_usd: Decimal | None
    """None if nothing that was called has a price."""
    projected_usd: Decimal | None
    """To the cent; None if it cannot be said, and ``basis`` says why."""
    period_start: datetime
    period_end: datetime
    basis: str
    """For people: what the projection rests on, or why there is none."""


def forecast_month(
    spent_usd: Decimal | None,
    *,
    now: datetime,
    timezone: str = "UTC",
    first_call_at: datetime | None = None,
) -> PeriodForecast:
    """Project the cost of the month that ``now`` (aware) is in; see ``forecast_period``."""
    return forecast_period(
        spent_usd, "month", now=now, timezone=timezone, first_call_at=first_call_at
    )


def forecast_period(
    spent_usd: Decimal | None,
    period: Period,
    *,
    now: datetime,
    timezone: str = "UTC",
    first_call_at: datetime | None = None,
) -> PeriodForecast:
    """Project the cost of the day, week or month that ``now`` (aware) is in, in ``timezone``.

    ``spent_usd`` is the cost from the period's beginning to ``now``; None means unpriced.
    ``first_call_at`` is the oldest call stored, None if it is older than the period.
    """
    begin = period_start(now, period, timezone)
    end = next_start(begin, period, timezone)
    counted_from = begin if first_call_at is None else max(begin, first_call_at.astimezone(UTC))
    elapsed = now - counted_from
    projected: Decimal | None = None
    if spent_usd is None:
        basis = f"no priced call this {period}"
    elif elapsed < _MIN_ELAPSED[period] or _ratio(elapsed, end - begin) < MIN_SHARE:
        basis = f"not enough history: needs {_NEEDED[period]}"
    else:
        rest = spent_usd * _ratio(end - now, elapsed)
        projected = (spent_usd + rest).quantize(_CENT)
        basis = f"linear, from {_ratio(elapsed, timedelta(days=1)):.1f} days of spend"
    return PeriodForecast(
        spent_usd=spent_usd,
        projected_usd=projected,
        period_start=begin,
        period_end=end,
        basis=basis,
    )


def _ratio(part: timedelta, whole: timedelta) -> Decimal:
    microsecond = timedelta(microseconds=1)
    return Decimal(part // microsecond) / Decimal(whole // microsecond)
