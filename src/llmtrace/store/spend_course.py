"""How spend ran: a day against earlier days of its weekday, a month and where it heads. Pure.

What is not there costs nothing here: an hour without a priced call adds 0. Whoever shows a course
says beside it how many calls have no price.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from statistics import stdev
from typing import TYPE_CHECKING, Final

from llmtrace.store.metric_time import check_timezone
from llmtrace.store.usual import PERIODS, Usual, usual

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from llmtrace.store.forecast import PeriodForecast

MIN_FAN_DAYS: Final = 5
"""Whole days of the month without which its scatter says nothing."""
_EIGHTY_PERCENT: Final = Decimal("1.2816")
_CENT: Final = Decimal("0.01")
_HOURS: Final = 24
_WEEKDAYS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """Spend from midnight to the end of an hour of the local clock, in USD."""

    hour: int
    spent: Decimal | None
    """Of today; None: the hour has not begun. That of the hour that runs is what was spent yet."""
    low: Decimal | None
    """The usual band of earlier days of this weekday; None: too few of them."""
    high: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCourse:
    """Today, hour by hour, against what is usual."""

    hours: tuple[Hour, ...]
    until: int
    """Whole hours of today that are over; what ``usual`` is about."""
    usual: Usual


@dataclass(frozen=True, slots=True, kw_only=True)
class FanPoint:
    """Where the month's spend may be at the end of a day: four months in five lie between."""

    day: date
    low: Decimal
    middle: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthCourse:
    """This month, day by day, in USD since its beginning."""

    days: tuple[tuple[date, Decimal], ...]
    """Every day until today, and what was spent by its end."""
    fan: tuple[FanPoint, ...]
    """From today to the month's end; empty if nothing can be said."""


def day_course(
    costs: Mapping[datetime, Decimal], *, now: datetime, timezone: str, first_call_at: datetime
) -> DayCourse:
    """Hold today against the last eight days of its weekday.

    Args:
        costs: the beginning of an hour (aware) → what it cost.
        now: aware.
        timezone: IANA name; says where days begin.
        first_call_at: aware; days that began before it are not known whole and do not count.

    """
    zone = check_timezone(timezone)
    local = now.astimezone(zone)
    by_day = _by_local_hour(costs, zone)
    today = local.date()
    first = first_call_at.astimezone(zone).date()
    earlier = [
        _sums(by_day, day)
        for day in (today - timedelta(days=_WEEKDAYS * back) for back in range(1, PERIODS + 1))
        if day > first
    ]
    spent = _sums(by_day, today)
    hours = tuple(_hour(hour, spent, earlier, local.hour) for hour in range(_HOURS))
    until = local.hour
    over = usual(spent[until - 1] if until else None, [sums[until - 1] for sums in earlier])
    return DayCourse(hours=hours, until=until, usual=over)


def month_course(
    costs: Mapping[datetime, Decimal], forecast: PeriodForecast, *, now: datetime, timezone: str
) -> MonthCourse:
    """Add up a month's days and spread out its forecast.

    The fan is 1.28 standard deviations of the month's whole days wide, times the square root of
    the days ahead: four of five months end in it if days differ at random. It is never below what
    was spent.

    Args:
        costs: the beginning of a local day of this month (aware) → what it cost.
        forecast: of the same month and ``now``.
        now: aware.
        timezone: IANA name; says where days begin.

    """
    zone = check_timezone(timezone)
    by_day = {at.astimezone(zone).date(): cost for at, cost in costs.items()}
    today = now.astimezone(zone).date()
    first = forecast.period_start.astimezone(zone).date()
    days = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    daily = [by_day.get(day, Decimal(0)) for day in days]
    sums = tuple(zip(days, accumulate(daily), strict=True))
    return MonthCourse(days=sums, fan=_fan(sums, daily[:-1], forecast, zone))


def weekday_hours(
    costs: Mapping[datetime, Decimal], timezone: str
) -> dict[tuple[int, int], Decimal]:
    """Return what each weekday (0 is Monday) and hour of the local clock cost, where it did."""
    zone = check_timezone(timezone)
    found: dict[tuple[int, int], Decimal] = {}
    for at, cost in costs.items():
        local = at.astimezone(zone)
        place = (local.weekday(), local.hour)
        found[place] = found.get(place, Decimal(0)) + cost
    return found


def _by_local_hour(costs: Mapping[datetime, Decimal], zone: ZoneInfo) -> dict[date, list[Decimal]]:
    found: dict[date, list[Decimal]] = {}
    for at, cost in costs.items():
        local = at.astimezone(zone)
        # An hour that comes twice is one here, as on the clock.
        found.setdefault(local.date(), [Decimal(0)] * _HOURS)[local.hour] += cost
    return found


def _sums(by_day: Mapping[date, Sequence[Decimal]], day: date) -> list[Decimal]:
    return list(accumulate(by_day.get(day, [Decimal(0)] * _HOURS)))


def _hour(
    hour: int, spent: Sequence[Decimal], earlier: Sequence[Sequence[Decimal]], current: int
) -> Hour:
    band = usual(None, [sums[hour] for sums in earlier])
    return Hour(
        hour=hour, spent=spent[hour] if hour <= current else None, low=band.low, high=band.high
    )


def _fan(
    sums: Sequence[tuple[date, Decimal]],
    whole_days: Sequence[Decimal],
    forecast: PeriodForecast,
    zone: ZoneInfo,
) -> tuple[FanPoint, ...]:
    projected = forecast.projected_usd
    if projected is None or len(whole_days) < MIN_FAN_DAYS:
        return ()
    today, spent = sums[-1]
    # The period ends at the midnight after its last day.
    last = (forecast.period_end.astimezone(UTC) - timedelta(hours=1)).astimezone(zone).date()
    ahead = (last - today).days
    scatter = stdev(whole_days)
    points = [FanPoint(day=today, low=spent, middle=spent, high=spent)]
    for number in range(1, ahead + 1):
        middle = spent + (projected - spent) * number / ahead
        reach = _EIGHTY_PERCENT * scatter * Decimal(number).sqrt()
        points.append(
            FanPoint(
                day=today + timedelta(days=number),
                low=max(spent, middle - reach).quantize(_CENT),
                middle=middle.quantize(_CENT),
                high=(middle + reach).quantize(_CENT),
            )
        )
    return tuple(points)
