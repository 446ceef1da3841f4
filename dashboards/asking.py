"""How the pages' figures are asked for: the store, cached answers, moments. Below ``data``.

The one way to the store: ``open_at(place())`` is the store of the viewer's tenants, whatever is
asked of it. A cached function takes the ``Place`` first: one viewer's answer is not another's.

Every figure is an answer of the metric layer or of a named query; nothing is computed from money
here. Times are shown in the viewer's zone.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.access import check_all_tenants, viewer
from dashboards.figures import Figure
from dashboards.home import home, settings
from dashboards.shared_answers import FEW, OPENED, Shared, opened, shared
from llmtrace.clock import SystemClock
from llmtrace.errors import QueryError
from llmtrace.store import open_store
from llmtrace.store.admin import Admin
from llmtrace.store.comparison import change_ratio, difference
from llmtrace.store.metric_definitions import MEASURES
from llmtrace.store.metric_time import bucket_starts, period_start
from llmtrace.store.metrics import TIME, MetricQuery, previous, run_metrics
from llmtrace.store.restricted import RestrictedStore

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Mapping, Sequence

    from dashboards.figures import View
    from llmtrace.store import HomeStore
    from llmtrace.store.metric_time import Grain

# Moments are rounded up to this, so that viewers share cached answers and none is older.
STEP_S: Final = 10
# In a large store a long range moves on in longer steps: nobody sees a minute in a week, and the
# answer costs a hundred times what today's does.
_LONG_STEPS_S: Final = (
    (timedelta(days=8), 300),
    (timedelta(hours=25), 60),
    (timedelta(hours=1), 30),
)
LONGEST_STEP_S: Final = _LONG_STEPS_S[0][1]
"""Time to live of cached answers that have a ``stamp``."""
_OVER: Final = timedelta(days=1)
"""What ended so long ago hardly changes."""
_APART_S: Final = 40
"""Between the moments at which a day and the next are asked again; those of a week are 20 apart."""
_LARGE: Final = 250_000
"""Calls in thirty days."""
NO_VALUE: Final = "(none)"
FIELDS: Final = {
    "environment": "environments",
    "provider": "providers",
    "model": "models",
    "user": "users",
    "feature": "features",
    "tenant": "tenants",
}
"""Dimension → field of ``Scope`` that filters it."""
_politeness: Final[ContextVar[Callable[[], object] | None]] = ContextVar(
    "_politeness", default=None
)
_later: Final[ContextVar[timedelta]] = ContextVar("_later", default=timedelta())
_SUMS: Final = frozenset({"calls", "USD", "tokens", "retries", "users", "tenants", "sessions"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What an answer depends on beside its question: which store, and whose calls of it."""

    folder: str
    tenants: tuple[str, ...] | None
    """In order; None: all, and calls of none."""


def place() -> Place:
    """Return the viewer's. Raises NotSignedInError."""
    tenants = viewer().tenants
    return Place(folder=str(home()), tenants=None if tenants is None else tuple(sorted(tenants)))


def opened_store() -> HomeStore | RestrictedStore:
    """Return the store as the viewer may see it."""
    return open_at(place())


def open_at(where: Place) -> HomeStore | RestrictedStore:
    """Return the store as whoever has this place may see it."""
    store = _whole(where.folder)
    return store if where.tenants is None else RestrictedStore(store, where.tenants)


def whole_store() -> HomeStore:
    """Return all of the store. Raises NotAllowedError for viewers of some tenants only."""
    check_all_tenants()
    return _whole(str(home()))


def whole_admin() -> Admin:
    """Return the door to operations on the store. Raises NotAllowedError as ``whole_store``."""
    check_all_tenants()
    return Admin(settings())


def ask(query: MetricQuery) -> list[dict[str, Any]]:
    """Return the metric layer's answer."""
    # Before the answer is looked for: who waits there keeps others from the same answer.
    if (politely := _politeness.get()) is not None:
        politely()
    return _answer(place(), query, stamp(query.start, query.end))


def ask_of(query: MetricQuery, values: Collection[str | None] | None) -> list[dict[str, Any]]:
    """Ask for some values only of the dimension, there may be ten thousand others; None: all."""
    if values is None:
        return ask(query)
    if not values:
        return []
    return ask(replace(query, filters={**query.filters, query.by[0]: tuple(values)}))


def one(query: MetricQuery) -> dict[str, Any]:
    """Return the one row of an answer without groups."""
    (row,) = ask(query)
    return row


def scoped(shown: View, *measures: str, **changes: Any) -> MetricQuery:  # MetricQuery's own fields
    """Return a question about what the filter bar says, with other fields as in ``changes``."""
    scope = shown.scope
    settings: dict[str, Any] = {
        "start": scope.start,
        "end": scope.end,
        "timezone": shown.zone,
        "filters": shown.choice.filters,
        **changes,
    }
    return MetricQuery(measures=measures, **settings)


def narrowed(query: MetricQuery, filters: Mapping[str, Sequence[str | None]]) -> MetricQuery:
    """Return a question about those of its calls that fit ``filters`` too."""
    chosen: dict[str, Sequence[str | None]] = dict(query.filters)
    for name, values in filters.items():
        known = chosen.get(name)
        # A value outside what the bar chose fits no call; "\0" is in no span.
        both = [value for value in values if not known or value in known]
        chosen[name] = both or ["\0"]
    return replace(query, filters=chosen)


def figures_of(query: MetricQuery, shown: View) -> dict[str, Figure]:
    """Return each measure of a question now, against the range before, and its course."""
    current, earlier = one(query), one(previous(query))
    courses = scoped(shown, *query.measures, grain=shown.grain)
    return {
        name: Figure(
            value=current[name],
            change=changed(name, current[name], earlier[name]),
            course=over_time(courses, name),
            unpriced=current.get("unpriced_count", 0),
        )
        for name in query.measures
    }


def changed(measure: str, current: Any, earlier: Any) -> float | None:  # any measure
    """Return how a measure changed: a rate in points, anything else as a ratio."""
    is_rate = MEASURES[measure].unit == "ratio"
    return (difference if is_rate else change_ratio)(current, earlier)


def over_time(query: MetricQuery, measure: str) -> list[float]:
    """Return a measure by bucket; a sum is 0 where nothing was called, a rate has no point."""
    found = {ms(row[TIME]): row[measure] for row in ask(query)}
    grain = query.grain or "day"
    starts = bucket_starts(query.start, query.end, grain, query.timezone)[:-1]
    values = [found.get(ms(start)) for start in starts]
    if MEASURES[measure].unit in _SUMS:
        return [float(value or 0) for value in values]
    return [float(value) for value in values if value is not None]


def label(value: str | None) -> str:
    """Return a dimension's value as a name; there is one for none."""
    return NO_VALUE if value is None else value


def ms(value: datetime) -> int:
    """Return milliseconds since 1970; a naive time is UTC, as stored."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1_000)


def wall_ms(value: datetime, zone: str) -> int:
    """Return what the clock of a zone shows as milliseconds of UTC, for the charts' time axis.

    A browser knows its own zone only; the viewer may have chosen another.
    """
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return ms(aware.astimezone(ZoneInfo(zone)).replace(tzinfo=None))


def with_local_time(rows: list[dict[str, Any]], zone: str) -> list[dict[str, Any]]:
    """Return rows with ``when``, their ``start_time`` in the viewer's zone."""
    target = ZoneInfo(zone)
    return [
        {**row, "when": row["start_time"].replace(tzinfo=UTC).astimezone(target)} for row in rows
    ]


def present() -> datetime:
    """Return this moment, rounded up to ``STEP_S``."""
    seconds = (SystemClock().now() + _later.get()).timestamp()
    return datetime.fromtimestamp((seconds // STEP_S + 1) * STEP_S, UTC)


@contextmanager
def as_if_later(by: timedelta) -> Generator[None]:
    """Ask within the block, in this thread, what will be asked then; it is answered as of now."""
    token = _later.set(by)
    try:
        yield
    finally:
        _later.reset(token)


@contextmanager
def before_each(politely: Callable[[], object]) -> Generator[None]:
    """Call it before each question of the block, in this thread."""
    token = _politeness.set(politely)
    try:
        yield
    finally:
        _politeness.reset(token)


def since(period: Grain, now: datetime, zone: str) -> datetime:
    """Return when the day or month of ``now`` began; no later than a moment ago.

    At the very midnight there would be nothing to ask for.
    """
    return min(period_start(now, period, zone), now - timedelta(seconds=STEP_S))


def is_large() -> bool:
    """Say whether the store has so much that not every answer can be as of this moment."""
    return _is_large(place())


def step_s(start: datetime, end: datetime) -> int:
    """Return the seconds for which the answer about a range is good."""
    if present() - end > _OVER and is_large():
        return LONGEST_STEP_S
    length = end - start
    for longer, step in _LONG_STEPS_S:
        if length > longer and is_large():
            return step
    return STEP_S


def shared_filters(
    filters: Mapping[str, Sequence[str | None]],
) -> Mapping[str, Sequence[str | None]]:
    """Return filters that are the same for all who look at one value of a dimension with few."""
    dimension = opened(filters)
    if dimension is None or not _is_shared(place(), dimension):
        return filters
    return {**filters, dimension: ()}


def shared_dimensions() -> list[str]:
    """Return the dimensions of which one answer for all values is worth it."""
    return [name for name in OPENED if _is_shared(place(), name)]


def stamp(start: datetime, end: datetime) -> int:
    """Return what is the same as long as an answer about a range is good, for its cache's key.

    Counted from the range's end: one that moves on in steps (``viewing.settled``) is asked for once
    in each.
    """
    step, age = step_s(start, end), present() - end
    # Days that are over have the same time of day: all at once would be asked again.
    apart_s = end.toordinal() * _APART_S % step if age > _OVER else 0
    return int(age.total_seconds() + apart_s) // step


# For what every page asks a hundred times: Streamlit hashes each field of it by itself, 0.4 ms.
BY_TEXT: Final[dict[str | type[Any], Callable[[Any], Any]]] = {Place: repr, MetricQuery: repr}


@st.cache_resource(max_entries=8, show_spinner=False)
def _whole(folder: str) -> HomeStore:
    return open_store(Path(folder))


@st.cache_data(ttl=600, max_entries=50, show_spinner=False, hash_funcs=BY_TEXT)
def _is_large(where: Place) -> bool:
    now = present()
    query = MetricQuery(measures=("requests",), start=now - timedelta(days=30), end=now)
    (row,) = run_metrics(open_at(where), query).to_pylist()
    return row["requests"] > _LARGE


@st.cache_data(ttl=600, max_entries=200, show_spinner=False, hash_funcs=BY_TEXT)
def _is_shared(where: Place, dimension: str) -> bool:
    """Say whether one answer for all values of a dimension is worth it; see ``shared_answers``."""
    if not _is_large(where):
        return False
    now = present()
    query = MetricQuery(
        measures=("requests",), by=(dimension,), start=now - timedelta(days=30), end=now,
        limit=FEW + 1,
    )  # fmt: skip
    return run_metrics(open_at(where), query).num_rows <= FEW


@st.cache_data(ttl=LONGEST_STEP_S, max_entries=2_000, show_spinner=False, hash_funcs=BY_TEXT)
def _answer(where: Place, query: MetricQuery, at: int) -> list[dict[str, Any]]:
    part = shared(query)
    with suppress(QueryError):  # an answer for all may be too long where one for a value is not
        if part is not None and _is_part(where, part, at):
            rows = part.rows(_answer_for_all(where, part.query, at))
            if rows is not None:
                return rows
    return run_metrics(open_at(where), query).to_pylist()


def _is_part(where: Place, part: Shared, at: int) -> bool:
    """Say whether to take it of the answer about all values."""
    if not _is_shared(where, part.dimension):
        return False
    if part.calls is None:
        return True
    (row,) = _answer(where, replace(part.part, measures=("requests",), by=(), grain=None,
                                    filters={}, order_by=(), limit=None), at)  # fmt: skip
    return row["requests"] <= part.calls


# Apart: of a long answer each part is read from the cache by itself.
@st.cache_data(ttl=LONGEST_STEP_S, max_entries=400, show_spinner=False, hash_funcs=BY_TEXT)
def _answer_for_all(where: Place, query: MetricQuery, at: int) -> list[dict[str, Any]]:
    del at  # of the key: ``stamp``
    return run_metrics(open_at(where), query).to_pylist()
