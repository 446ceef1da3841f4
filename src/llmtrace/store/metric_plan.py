"""Which table answers a question to the metric layer: a rollup or the calls.

The rollups answer for whole UTC hours, or days; what a range has beyond them at its ends is read
from the calls, so that the answer is the same number. The hourly ones cannot answer by user,
session or tag (a row for each call again), by minute or sliding window, in a time zone whose hours
do not begin with those of UTC, or what they do not hold (a measure without ``rolled``). Few calls
are counted faster than a longer query is planned; where spans were deleted they know more.

By user, and for what the hourly ones do not hold, there are sums by UTC day, of a question without
a grain, of days that are over (``user_days``). They know no more than the spans do.

Percentiles do not add up. They are exact, from the calls, unless that would mean to look at more
than ``EXACT_CALLS`` of them (``EXACT_BY_HOUR`` if they are parted so finely that the histogram has
nearly as many rows) or spans of the range were deleted; then they come from the histogram.
How many calls there are is one small query; all else is decided without the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, runtime_checkable

from llmtrace.store.metric_definitions import DIMENSIONS, MEASURES
from llmtrace.store.metric_time import YEARS, has_whole_hours
from llmtrace.store.own_sql import ask
from llmtrace.store.rollup_rows import CALLS, LATENCIES, USER_DAYS
from llmtrace.store.spans_since import SPANS_SINCE
from llmtrace.store.user_days import USER_DAYS_KNOWN, Days

if TYPE_CHECKING:
    from llmtrace.store.metrics import MetricQuery
    from llmtrace.store.reading import Store
    from llmtrace.store.rollup_rows import Rollup

FEW_CALLS: Final = 50_000
"""Up to here the calls themselves are counted."""
EXACT_CALLS: Final = 500_000
"""Percentiles over more calls than this may come from the histogram."""
EXACT_BY_HOUR: Final = 2_000_000
"""The same where each hour is parted too: more values than these there is no memory for."""
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_IN_RANGE: Final = """
    select
        coalesce(sum(call_count), 0)::bigint as calls,
        (select value from _meta where key = ?) as since,
        (select value from _meta where key = ?) as user_days
    from rollup_calls
    where hour >= ? and hour < ?
"""
_EDITION: Final = "select value from _meta where key = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where the parts of an answer come from."""

    whole: tuple[datetime, datetime] | None = None
    """The whole hours, or days, (aware, UTC) that a rollup answers for; None: all from the calls.
    """
    rollup: Rollup = CALLS
    edition: int | None = None
    """Of the days that are asked for; None: hours, none of which ever goes."""
    from_histogram: bool = False
    """Percentiles come from the histogram too."""


FROM_CALLS: Final = Plan()


class Counted(NamedTuple):
    """What the rollups say of some hours."""

    calls: int
    since: str | None
    """ISO 8601 in UTC: spans from before may have been deleted; None: all are there."""
    user_days: str | None
    """The days of ``user_days``; None: there are none."""


@runtime_checkable
class CountHost(Protocol):
    """A ``Store`` that remembers for a while what it was asked."""

    def counted(self, hours: tuple[datetime, datetime]) -> Counted:
        """Return what ``count`` returns, or returned lately."""
        ...


def count(store: Store, hours: tuple[datetime, datetime]) -> Counted:
    """Ask for the calls of whole hours (aware, UTC)."""
    (found,) = ask(store, _IN_RANGE, [SPANS_SINCE, USER_DAYS_KNOWN, *hours]).to_pylist()
    return Counted(found["calls"], found["since"], found["user_days"])


def choose(store: Store, query: MetricQuery) -> Plan:
    """Return the cheapest plan that answers a question, which was checked, as documented above."""
    hours = rolled_hours(query)
    if hours is None:
        return _by_day(store, query)
    counted = _count(store, hours)
    calls, is_cut = counted.calls, _is_cut(query, counted)
    if calls <= FEW_CALLS and not is_cut:
        return FROM_CALLS
    if not any(MEASURES[name].percentile for name in query.measures):
        return Plan(whole=hours)
    if query.top is not None and MEASURES[query.measures[0]].percentile:
        return FROM_CALLS  # who is at the top is decided by a value that occurred
    exact_calls = EXACT_BY_HOUR if query.grain == "hour" and query.by else EXACT_CALLS
    if _has(query, LATENCIES) and (is_cut or calls > exact_calls):
        return Plan(whole=hours, from_histogram=True)
    return Plan(whole=hours) if is_cut else FROM_CALLS


def _by_day(store: Store, query: MetricQuery) -> Plan:
    """Return the plan for a question that the hourly rollups cannot answer."""
    days = _whole(query, _DAY) if not query.grain and _can_tell(query, USER_DAYS) else None
    if days is None:
        return FROM_CALLS
    counted = _count(store, days)
    if counted.user_days is None or counted.calls <= FEW_CALLS or _is_cut(query, counted):
        return FROM_CALLS
    known = Days.of(counted.user_days)
    first = max(days[0], known.first.replace(tzinfo=UTC))
    end = min(days[1], known.end.replace(tzinfo=UTC))
    if first >= end:
        return FROM_CALLS
    return Plan(whole=(first, end), rollup=USER_DAYS, edition=known.edition)


def is_still_right(store: Store, plan: Plan) -> bool:
    """Say, after a plan's answer, whether all of its days were there: one may have gone since."""
    if plan.edition is None:
        return True
    found = ask(store, _EDITION, [USER_DAYS_KNOWN]).column("value").to_pylist()
    return bool(found) and Days.of(found[0]).edition == plan.edition


def _count(store: Store, hours: tuple[datetime, datetime]) -> Counted:
    return store.counted(hours) if isinstance(store, CountHost) else count(store, hours)


def _is_cut(query: MetricQuery, counted: Counted) -> bool:
    """Say whether spans of the range may have been deleted."""
    since = counted.since
    return since is not None and query.start < datetime.fromisoformat(since).replace(tzinfo=UTC)


def rolled_hours(query: MetricQuery) -> tuple[datetime, datetime] | None:
    """Return the whole hours of a question's range if the rollups can answer it, else None."""
    return _whole(query, _HOUR) if is_of_hours(query) else None


def is_of_hours(query: MetricQuery) -> bool:
    """Say whether the rollups can answer a question of the whole hours of its range, if any."""
    if query.grain == "minute" or not _can_tell(query, CALLS, or_percentiles=True):
        return False
    start, end = query.start, query.end
    if start.year not in YEARS or end.year not in YEARS:
        return False
    return query.grain is None or has_whole_hours(query.timezone, start, end)


def _can_tell(query: MetricQuery, rollup: Rollup, *, or_percentiles: bool = False) -> bool:
    """Say whether a rollup has what a question asks, maybe but for percentiles."""
    if query.windows or not _has(query, rollup):
        return False
    measures = [MEASURES[name] for name in query.measures]
    return all(
        (each.rolled is not None and rollup.tells(each.rolled))
        or (or_percentiles and each.percentile is not None)
        for each in measures
    )


def _whole(query: MetricQuery, unit: timedelta) -> tuple[datetime, datetime] | None:
    """Return the whole hours, or days, (aware, UTC) of a question's range; None if it has none."""
    start, end = query.start.astimezone(UTC), query.end.astimezone(UTC)
    if start.year not in YEARS or end.year not in YEARS:
        return None
    first, last = _floor(start, unit), _floor(end, unit)
    if first < start:
        first += unit
    return (first, last) if first < last else None


def _has(query: MetricQuery, rollup: Rollup) -> bool:
    asked = {*query.by, *(name for name, values in query.filters.items() if values)}
    return all(DIMENSIONS.get(name) in rollup.dimensions for name in asked)


def _floor(moment: datetime, unit: timedelta) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    return hour if unit == _HOUR else hour.replace(hour=0)
