"""Which table answers a question to the metric layer: the hourly rollups or the calls.

The rollups answer for whole UTC hours; what a range has beyond them at its ends is read from the
calls, so that the answer is the same number. They cannot answer by user, session or tag (a row for
each call again), by minute or sliding window, in a time zone whose hours do not begin with those of
UTC, or what they do not hold (a measure without ``rolled``). Few calls are counted faster than a
longer query is planned; where spans were deleted the rollups know more.

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
from llmtrace.store.rollup_rows import CALLS, LATENCIES
from llmtrace.store.rollups import SPANS_SINCE

if TYPE_CHECKING:
    from collections.abc import Collection

    from llmtrace.store.metrics import MetricQuery
    from llmtrace.store.reading import Store

FEW_CALLS: Final = 100_000
"""Up to here the calls themselves are counted."""
EXACT_CALLS: Final = 500_000
"""Percentiles over more calls than this may come from the histogram."""
EXACT_BY_HOUR: Final = 2_000_000
"""The same where each hour is parted too: more values than these there is no memory for."""
_HOUR: Final = timedelta(hours=1)
_IN_RANGE: Final = """
    select
        coalesce(sum(call_count), 0)::bigint as calls,
        (select value from _meta where key = ?) as since
    from rollup_calls
    where hour >= ? and hour < ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where the parts of an answer come from."""

    hours: tuple[datetime, datetime] | None = None
    """Whole hours (aware, UTC) that the rollups answer for; None: everything from the calls."""
    from_histogram: bool = False
    """Percentiles come from the histogram too."""


FROM_CALLS: Final = Plan()


class Counted(NamedTuple):
    """What the rollups say of some hours."""

    calls: int
    since: str | None
    """ISO 8601 in UTC: spans from before may have been deleted; None: all are there."""


@runtime_checkable
class CountHost(Protocol):
    """A ``Store`` that remembers for a while what it was asked."""

    def counted(self, hours: tuple[datetime, datetime]) -> Counted:
        """Return what ``count`` returns, or returned lately."""
        ...


def count(store: Store, hours: tuple[datetime, datetime]) -> Counted:
    """Ask for the calls of whole hours (aware, UTC)."""
    (found,) = ask(store, _IN_RANGE, [SPANS_SINCE, *hours]).to_pylist()
    return Counted(found["calls"], found["since"])


def choose(store: Store, query: MetricQuery) -> Plan:
    """Return the cheapest plan that answers a question, which was checked, as documented above."""
    hours = rolled_hours(query)
    if hours is None:
        return FROM_CALLS
    calls, since = store.counted(hours) if isinstance(store, CountHost) else count(store, hours)
    is_cut = since is not None and query.start < datetime.fromisoformat(since).replace(tzinfo=UTC)
    if calls <= FEW_CALLS and not is_cut:
        return FROM_CALLS
    if not any(MEASURES[name].percentile for name in query.measures):
        return Plan(hours=hours)
    if query.top is not None and MEASURES[query.measures[0]].percentile:
        return FROM_CALLS  # who is at the top is decided by a value that occurred
    exact_calls = EXACT_BY_HOUR if query.grain == "hour" and query.by else EXACT_CALLS
    if _has(query, LATENCIES.dimensions) and (is_cut or calls > exact_calls):
        return Plan(hours=hours, from_histogram=True)
    return Plan(hours=hours) if is_cut else FROM_CALLS


def rolled_hours(query: MetricQuery) -> tuple[datetime, datetime] | None:
    """Return the whole hours of a question's range if the rollups can answer it, else None."""
    if query.grain == "minute" or query.windows or not _has(query, CALLS.dimensions):
        return None
    if not all(MEASURES[name].rolled or MEASURES[name].percentile for name in query.measures):
        return None
    start, end = query.start.astimezone(UTC), query.end.astimezone(UTC)
    if start.year not in YEARS or end.year not in YEARS:
        return None
    first = _floor(start)
    if first < start:
        first += _HOUR
    last = _floor(end)
    if first >= last:
        return None
    if query.grain is not None and not has_whole_hours(query.timezone, start, end):
        return None
    return first, last


def _has(query: MetricQuery, columns: Collection[str]) -> bool:
    asked = {*query.by, *(name for name, values in query.filters.items() if values)}
    return all(DIMENSIONS.get(name) in columns for name in asked)


def _floor(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
