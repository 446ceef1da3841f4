"""Where a month's spend is heading. Pure; no store, no clock.

Linear: what was spent so far, plus the same rate for the time that is left. The rate counts from
the month's beginning or, if that is later, from the first call that is stored. A projection from
a few hours misleads more than it helps, so there is none before one day and 5 % of the month.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from llmtrace.store.metric_time import next_start, period_start

MIN_ELAPSED: Final = timedelta(days=1)
MIN_SHARE: Final = Decimal("0.05")
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthForecast:
    """What a month will have cost at its end if it goes on as it went."""

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
) -> MonthForecast:
    """Project the cost of the month that ``now`` (aware) is in, in ``timezone``.

    ``spent_usd`` is the cost from the month's beginning to ``now``; None means unpriced.
    ``first_call_at`` is the oldest call stored, None if it is older than the month.
    """
    begin = period_start(now, "month", timezone)
    end = next_start(begin, "month", timezone)
    counted_from = begin if first_call_at is None else max(begin, first_call_at.astimezone(UTC))
    elapsed = now - counted_from
    projected: Decimal | None = None
    if spent_usd is None:
        basis = "no priced call this month"
    elif elapsed < MIN_ELAPSED or _ratio(elapsed, end - begin) < MIN_SHARE:
        basis = "not enough history: needs a day and 5 % of the month"
    else:
        rest = spent_usd * _ratio(end - now, elapsed)
        projected = (spent_usd + rest).quantize(_CENT)
        basis = f"linear, from {_ratio(elapsed, timedelta(days=1)):.1f} days of spend"
    return MonthForecast(
        spent_usd=spent_usd,
        projected_usd=projected,
        period_start=begin,
        period_end=end,
        basis=basis,
    )


def _ratio(part: timedelta, whole: timedelta) -> Decimal:
    microsecond = timedelta(microseconds=1)
    return Decimal(part // microsecond) / Decimal(whole // microsecond)
