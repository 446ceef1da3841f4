"""What a search for traces finds, counted: by the values that narrow it further, and over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from llmtrace.store.metric_time import check_range
from llmtrace.store.own_sql import ask
from llmtrace.store.search_conditions import COLUMNS, scope_condition
from llmtrace.store.trace_search import kept

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pyarrow as pa

    from llmtrace.store.queries import Scope
    from llmtrace.store.reading import Store
    from llmtrace.store.search_conditions import Hits
    from llmtrace.store.trace_search import TraceSearch

FACETS: Final[tuple[str, ...]] = (
    "status", "model", "provider", "feature", "user", "tenant", "environment", "tool", "error",
)  # fmt: skip
FACET_VALUES: Final = 6
"""Values of one key that are counted apart."""
FACETS_OF: Final = 100_000
"""Spans whose traces are counted, the latest of the range."""
TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """One value that narrows a search further."""

    key: str
    """One of ``FACETS``."""
    value: str
    traces: int
    """Traces among those counted of which a span in the range has the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """What a search can be narrowed by: of each key the values that most traces have."""

    values: tuple[Facet, ...]
    traces: int
    """Traces that fit, among those counted."""
    since: datetime | None
    """Aware; spans before this moment are not counted, for there are too many. None: all are."""


def facets(store: Store, wanted: TraceSearch, hits: Hits) -> Facets:
    """Count, of the traces that fit, the values by which the search can be narrowed.

    Raises QueryError for an empty range or if it takes longer than ``TIMEOUT_S``, StoreError.
    """
    scope = wanted.scope
    check_range(scope.start, scope.end)
    since = _counted_since(store, scope)
    fitting = kept(wanted, hits, since=since)
    columns = {**COLUMNS, "error": "case when status = 'error' then error_type end"}
    counts = "\nunion all ".join(
        f"select {place}, {columns[key]}, count(distinct trace_id) from of_kept group by 1, 2"  # noqa: S608  # no user's text
        for place, key in enumerate(FACETS)
        if key != "status"
    )
    sql = f"""
        {fitting.sql},
        of_kept as materialized (
            select * from spans
            where start_time >= ? and start_time < ? and trace_id in (select trace_id from kept)
        ),
        outcomes as (
            select trace_id, bool_or(status = 'error') as is_error from of_kept group by 1
        ),
        counts (place, value, traces) as (
            select 0, if(is_error, 'error', 'ok'), count(*) from outcomes group by 1, 2
            union all {counts}
        )
        select place, value, traces, (select count(*) from kept) as total
        from counts
        where value is not null
        qualify row_number() over (partition by place order by traces desc, value) <= ?
        order by place, traces desc, value
    """  # noqa: S608  # no user's text
    parameters = [*fitting.parameters, since or scope.start, scope.end, FACET_VALUES]
    rows: list[dict[str, Any]] = ask(store, sql, parameters, timeout_s=TIMEOUT_S).to_pylist()
    values = tuple(
        Facet(key=FACETS[int(row["place"])], value=row["value"], traces=row["traces"])
        for row in rows
    )
    return Facets(values=values, traces=rows[0]["total"] if rows else 0, since=since)


def calls_over_time(
    store: Store, wanted: TraceSearch, hits: Hits, starts: Sequence[datetime]
) -> pa.Table:
    """Count the calls, within the range and the filter bar, of the traces that fit.

    ``starts`` are the beginnings of buckets, in order, the first not after the range's start.
    Columns: start_time (UTC, the bucket's), calls, failed. A bucket without a call has no row.
    Raises QueryError for an empty range or if it takes longer than ``TIMEOUT_S``, StoreError.
    """
    check_range(wanted.scope.start, wanted.scope.end)
    fitting = kept(wanted, hits)
    where = scope_condition(wanted.scope)
    sql = f"""
        {fitting.sql},
        buckets as (select unnest(?::timestamp[]) as bucket),
        calls as (
            select start_time, status from spans
            where is_inference and {where.sql} and trace_id in (select trace_id from kept)
        )
        select
            bucket as start_time,
            count(*) as calls,
            count(*) filter (where status = 'error') as failed
        from calls asof join buckets on calls.start_time >= buckets.bucket
        group by bucket order by bucket
    """  # noqa: S608  # no user's text
    parameters = [*fitting.parameters, list(starts), *where.parameters]
    return ask(store, sql, parameters, timeout_s=TIMEOUT_S)


def _counted_since(store: Store, scope: Scope) -> datetime | None:
    """Return when the latest ``FACETS_OF`` spans of the range begin; None if there are no more."""
    where = "where start_time >= ? and start_time < ?"
    counted = f"select count(*) as spans from spans {where}"  # noqa: S608  # no user's text
    (row,) = ask(store, counted, [scope.start, scope.end]).to_pylist()
    if row["spans"] <= FACETS_OF:
        return None
    sql = f"select start_time from spans {where} order by start_time desc limit 1 offset ?"  # noqa: S608  # as above
    # Where they would begin if spans came evenly, and half as far again: to sort a part is quick.
    length = (scope.end - scope.start) * (1.5 * FACETS_OF / row["spans"])
    while True:
        since = max(scope.start, scope.end - length)
        found = ask(store, sql, [since, scope.end, FACETS_OF - 1]).to_pylist()
        if found:
            return found[0]["start_time"].replace(tzinfo=UTC)
        if since == scope.start:
            return None
        length *= 4
