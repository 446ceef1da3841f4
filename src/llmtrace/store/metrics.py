"""The one metric layer: measures by dimensions, filters and grain, compiled to SQL here alone.

Dashboards, alert rules and reports ask it, so that one word means one number everywhere. The
definitions are ``metric_definitions.MEASURES`` and ``DIMENSIONS``. What it counts are rows of the
view ``llm_calls``: a *request* is one billed call that the app made; an SDK's own retries are
inside it and counted in ``retries``. Where the hourly rollups give the same numbers sooner, it
reads those (``metric_plan``), so that hours whose spans retention has deleted are still counted.

Every value is a bound parameter; what is put together as text comes from closed tables only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from llmtrace.errors import QueryError
from llmtrace.store.adhoc import TRUNCATED_KEY
from llmtrace.store.metric_definitions import MEASURES, MONEY, check_dimension, check_measure
from llmtrace.store.metric_plan import FROM_CALLS, Plan, choose, is_still_right
from llmtrace.store.metric_rows import ENDS, aliases, calls_with, ends, rolled
from llmtrace.store.metric_time import BUCKETS, Grain, check_range, check_timezone
from llmtrace.store.own_sql import ask
from llmtrace.store.rollup_rows import BUCKET_MS, LATENCIES, PERCENTILE_ERROR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa

    from llmtrace.store.reading import Store

OTHER: Final = "(other)"
"""Value of the dimension for what ``MetricQuery.top`` leaves out."""
MAX_GROUPS: Final = 100_000
"""Rows that one answer may have; a sum over an answer cut short would be wrong."""
TIME: Final = "time"
"""Column of the bucket's start, or the window's end, TIMESTAMP in UTC; there if they are asked for.
"""
MAX_OVERLAP: Final = 1_440
"""Sliding windows that one call may be in: each counts it once."""
PERCENTILE_ERROR_KEY: Final = b"llmtrace.percentile_error"
"""In the metadata of an answer whose percentiles come from the histogram: their relative error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Windows of time that end on a grid, as alert rules look at them."""

    length_s: int
    every_s: int
    """Distance of their ends, which are multiples of it since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricQuery:
    """A question to the metric layer. ``compile_metrics`` checks it."""

    measures: tuple[str, ...]
    """Names in ``MEASURES``, at least one; they are the columns, in this order."""
    start: datetime
    """Aware; calls that started at this moment are in."""
    end: datetime
    """Aware; calls that started at this moment are out."""
    by: tuple[str, ...] = ()
    """Dimensions to group by, as ``model`` or ``tag.team``. A NULL group has no such attribute."""
    grain: Grain | None = None
    """Length of the buckets of time; None: the whole range is one. Empty buckets have no row."""
    windows: Windows | None = None
    """Sliding windows in place of a grain: a row for each that has a call, ``time`` is its end.
    They end after ``start`` and at ``end`` at the latest, and reach back before ``start``."""
    timezone: str = "UTC"
    """IANA name; says where a day, week (Monday) or month begins."""
    filters: Mapping[str, Sequence[str | None]] = field(
        default_factory=dict[str, "Sequence[str | None]"]
    )
    """Dimension → values of which a call must have one; None as a value: has no such attribute.
    An empty sequence filters nothing."""
    top: int | None = None
    """Keep the N values of the one ``by`` dimension that have most of the first measure over the
    whole range; the others become one group named ``OTHER``."""
    limit: int | None = None
    """Rows at most, after ordering."""
    order_by: tuple[str, ...] = ()
    """Columns, ``-cost`` for descending; NULL comes last. Default: time, then dimensions."""


@runtime_checkable
class MetricHost(Protocol):
    """A ``Store`` that passes questions on to where the file is open."""

    def metrics(self, query: MetricQuery) -> pa.Table:
        """Return what ``run_metrics`` returns there."""
        ...


def compile_metrics(query: MetricQuery, plan: Plan = FROM_CALLS) -> tuple[str, list[object]]:
    """Turn a question into one SELECT and its positional parameters; pure.

    Columns: ``time`` if there is a grain, the dimensions in order, the measures in order, and
    ``unpriced_count`` whenever money is asked for. A tag's column is named ``tag_<position>``
    here, because SQL text holds nothing that a user wrote; ``run_metrics`` gives it its name.
    Raises QueryError naming what is unknown and what is near.
    """
    _check(query)
    parameters: list[object] = []
    names = _measures(query)
    ctes: list[str] = []
    if plan.whole is None:
        source = calls_with(query, parameters, [_figure(name, query, plan) for name in names])
    else:
        rollups = [plan.rollup, LATENCIES] if plan.from_histogram else [plan.rollup]
        if beside := ends(query, plan, parameters, rollups):
            ctes.append(f"{ENDS} as (\n{beside}\n)")
        source = rolled(query, plan, parameters, plan.rollup)
    ctes.append(f"calls as (\n{source}\n)")
    if query.top is not None:
        ctes.append(_ranked(query, plan, parameters))
    apart = [name for name in names if plan.whole and MEASURES[name].percentile]
    # Some figure at least, for a group whose percentiles are unknown has a row too.
    main = _grouped(query, plan, [name for name in names if name not in apart] or ["requests"])
    if apart:
        ctes.append(f"sums as (\n{main}\n)")
        ctes.extend(_percentiles(query, plan, apart, parameters))
        main = _side_by_side(query, names)
    sql = f"with {', '.join(ctes)}\n{main}"
    if _groups(query):
        sql += f"\norder by {_order(query)}"
    if query.limit is not None:
        parameters.append(query.limit)
        sql += "\nlimit ?"
    return sql, parameters


def run_metrics(store: Store, query: MetricQuery) -> pa.Table:
    """Ask the store; see ``compile_metrics`` for the columns, ``MEASURES`` for their units.

    Without ``by`` and ``grain`` there is exactly one row, even when nothing was called. If its
    percentiles are near to, not exactly, values that occurred, the schema's metadata says how near
    (``PERCENTILE_ERROR_KEY``).
    Raises QueryError if the question is wrong, StoreError if the store cannot answer.
    """
    _check(query)
    if isinstance(store, MetricHost):
        return store.metrics(query)
    query = without_idle_top(query)
    plan = choose(store, query)
    found = _asked(store, query, plan)
    if not is_still_right(store, plan):
        found = _asked(store, query, FROM_CALLS)
    if (found.schema.metadata or {}).get(TRUNCATED_KEY):
        raise QueryError(
            f"the answer has more than {MAX_GROUPS} rows; "
            "ask for a coarser grain, fewer dimensions, a filter, or a limit"
        )
    found = found.rename_columns(column_names(query))
    if not plan.from_histogram:
        return found
    near = {PERCENTILE_ERROR_KEY: f"{PERCENTILE_ERROR:.4f}".encode()}
    return found.replace_schema_metadata({**(found.schema.metadata or {}), **near})


def without_idle_top(query: MetricQuery) -> MetricQuery:
    """Return the question without ``top`` where the filter leaves no more values than it keeps.

    Who is at the top need not be found out then, nor be the same for another value.
    """
    # By a percentile it stays: whether that is exact depends on it (``metric_plan.choose``).
    if query.top is None or MEASURES[query.measures[0]].percentile:
        return query
    values = query.filters.get(query.by[0])
    return replace(query, top=None) if values and len(values) <= query.top else query


def _asked(store: Store, query: MetricQuery, plan: Plan) -> pa.Table:
    sql, parameters = compile_metrics(query, plan)
    return ask(store, sql, parameters, max_rows=MAX_GROUPS)


def column_names(query: MetricQuery) -> list[str]:
    """Return the names of the answer's columns, in order."""
    return [*_time(query), *query.by, *_measures(query)]


def previous(query: MetricQuery) -> MetricQuery:
    """Return the same question for the range of equal length that ends where this one starts."""
    return replace(query, start=query.start - (query.end - query.start), end=query.start)


def _check(query: MetricQuery) -> None:
    if not query.measures:
        raise QueryError(f"no measure asked for; known: {', '.join(MEASURES)}")
    for name in query.measures:
        check_measure(name)
    for name in (*query.by, *query.filters):
        check_dimension(name)
    for names in (query.measures, query.by):
        if len(set(names)) != len(names):
            raise QueryError(f"{', '.join(names)}: each name may be given once")
    check_range(query.start, query.end)
    check_timezone(query.timezone)
    if query.grain is not None and query.grain not in BUCKETS:
        raise QueryError(f"unknown grain {query.grain!r}; known: {', '.join(BUCKETS)}")
    _check_windows(query)
    for label, number in (("limit", query.limit), ("top", query.top)):
        if number is not None and number < 1:
            raise QueryError(f"{label} is {number}; it must be at least 1")
    if query.top is not None and len(query.by) != 1:
        raise QueryError(f"top needs exactly one dimension, {len(query.by)} are given")


def _check_windows(query: MetricQuery) -> None:
    windows = query.windows
    if windows is None:
        return
    if query.grain is not None or query.top is not None:
        raise QueryError("windows go with neither a grain nor top; leave those out")
    if windows.length_s < 1 or windows.every_s < 1:
        raise QueryError("windows have a length and a distance of at least 1 second")
    if windows.length_s > MAX_OVERLAP * windows.every_s:
        raise QueryError(
            f"windows of {windows.length_s} s every {windows.every_s} s overlap too often; "
            f"each call may be in {MAX_OVERLAP}"
        )


def _measures(query: MetricQuery) -> list[str]:
    names = list(query.measures)
    # Whoever sees money also sees for how many calls it is not known.
    if "unpriced_count" not in names and MONEY.intersection(names):
        names.append("unpriced_count")
    return names


def _ranked(query: MetricQuery, plan: Plan, parameters: list[object]) -> str:
    (alias,) = aliases(query)
    parameters.append(query.top)
    return (
        f"ranked as (\nselect {alias} as value\nfrom calls\nwhere {alias} is not null\n"
        f"group by {alias}\n{_having(plan)}"
        f"order by {_figure(query.measures[0], query, plan)} desc nulls last, {alias}\nlimit ?\n)"
    )


def _groups(query: MetricQuery) -> list[str]:
    return [*_time(query), *aliases(query)]


def _time(query: MetricQuery) -> list[str]:
    return [TIME] if query.grain or query.windows else []


def _shown(query: MetricQuery) -> list[str]:
    """Return the groups as expressions, the last with ``OTHER`` for what is not at the top."""
    shown = _groups(query)
    if query.top is not None:
        (alias,) = aliases(query)
        shown[-1] = (
            f"case when {alias} is null or {alias} in (select value from ranked) "  # noqa: S608  # no user's text
            f"then {alias} else '{OTHER}' end as {alias}"
        )
    return shown


def _figure(name: str, query: MetricQuery, plan: Plan) -> str:
    measure = MEASURES[name]
    if plan.whole is not None and measure.rolled is not None:
        return measure.rolled
    return _quantile(query, *measure.percentile) if measure.percentile else measure.sql


def _quantile(query: MetricQuery, kind: str, share: str) -> str:
    """Return a percentile as ``Measure.sql`` has it, of nanoseconds as they are stored.

    All of one kind are one aggregate: one list of the values, sorted once.
    """
    asked = [MEASURES[name].percentile for name in query.measures]
    shares = [each[1] for each in asked if each is not None and each[0] == kind]
    values = {"latency": "duration_ns", "ttfc": "ttfc_ns"}[kind]
    return f"quantile_disc({values}, [{', '.join(shares)}])[{shares.index(share) + 1}] / 1e6"


def _having(plan: Plan) -> str:
    # What was taken out again may be there with a sum of 0 until it is folded.
    return "" if plan.whole is None else "having sum(call_count) > 0\n"


def _grouped(query: MetricQuery, plan: Plan, names: Sequence[str]) -> str:
    figures = [f"{_figure(name, query, plan)} as {name}" for name in names]
    select = f"select\n    {_lines([*_shown(query), *figures])}\nfrom calls"
    return select + (f"\n{_group_by(query)}\n{_having(plan)}" if _groups(query) else "")


def _group_by(query: MetricQuery) -> str:
    return "group by " + ", ".join(str(place + 1) for place in range(len(_groups(query))))


def _percentiles(
    query: MetricQuery, plan: Plan, names: Sequence[str], parameters: list[object]
) -> list[str]:
    """Return the CTEs that end in ``percentiles``: the same groups, another source."""
    groups, group_by = _groups(query), _group_by(query) if _groups(query) else ""
    if not plan.from_histogram:
        figures = [_figure(name, query, plan) for name in names]
        timed = calls_with(query, parameters, figures)
        columns = [f"{sql} as {name}" for name, sql in zip(names, figures, strict=True)]
        select = f"select\n    {_lines([*_shown(query), *columns])}\nfrom timed\n{group_by}"
        return [f"timed as (\n{timed}\n)", f"percentiles as (\n{select}\n)"]
    timed = rolled(query, plan, parameters, LATENCIES)
    parted = ", ".join([*groups, "kind"])
    figures = [f"{_nearest_rank(name)} as {name}" for name in names]
    columns = [*_shown(query), "kind", "bucket", "sum(call_count) as call_count"]
    kinds = {kind for kind, _ in (MEASURES[name].percentile or ("", "") for name in names)}
    where = " or ".join(f"kind = '{kind}'" for kind in sorted(kinds))
    buckets = (
        f"select\n    {_lines(columns)}\nfrom timed\nwhere {where}\n"
        "group by all\nhaving sum(call_count) > 0"
    )
    places = [
        "*",
        f"{BUCKET_MS} as value_ms",
        f"sum(call_count) over (partition by {parted} order by bucket) as reached",
        f"sum(call_count) over (partition by {parted}) as total",
    ]
    return [
        f"timed as (\n{timed}\n)",
        f"buckets as (\n{buckets}\n)",
        f"placed as (\nselect\n    {_lines(places)}\nfrom buckets\n)",
        f"percentiles as (\nselect\n    {_lines([*groups, *figures])}\nfrom placed\n{group_by}\n)",
    ]


def _nearest_rank(name: str) -> str:
    kind, share = MEASURES[name].percentile or ("", "")
    # The rank as quantile_disc has it, in the same arithmetic.
    rank = f"greatest(1, total - floor(total - {share}::double * total))"
    return f"min(value_ms) filter (where kind = '{kind}' and reached >= {rank})"


def _side_by_side(query: MetricQuery, names: Sequence[str]) -> str:
    """Put the two parts of a row together: of each group one has the sums, one the percentiles."""
    columns = [*_groups(query), *(f"max({name}) as {name}" for name in names)]
    both = "(from sums union all by name from percentiles)"
    group_by = f"\n{_group_by(query)}" if _groups(query) else ""
    return f"select\n    {_lines(columns)}\nfrom {both}{group_by}"


def _order(query: MetricQuery) -> str:
    names = column_names(query)
    groups = len(names) - len(_measures(query))
    terms: list[str] = []
    for wanted in query.order_by:
        name = wanted.removeprefix("-")
        if name not in names:
            raise QueryError(f"cannot order by {name!r}; the columns are {', '.join(names)}")
        direction = "desc" if wanted.startswith("-") else "asc"
        terms.append(f"{names.index(name) + 1} {direction} nulls last")
    # The groups come last as a tie-breaker: the same question has the same order every time.
    terms.extend(f"{position + 1} asc nulls last" for position in range(groups))
    return ", ".join(terms)


def _lines(parts: Sequence[str]) -> str:
    return ",\n    ".join(parts)
