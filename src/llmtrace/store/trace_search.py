"""Search for traces: one page of those that fit, newest first.

A trace fits if one of its spans in the range fits the filter bar and what the search says of spans,
none of its spans is excluded, and its sums fit. A trace's figures are those of all its spans that
started up to a day around the range. ``message_search`` looks into messages, ``trace_facets``
counts what a search finds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from llmtrace.store.metric_time import check_range
from llmtrace.store.own_sql import ask
from llmtrace.store.search_conditions import (
    MODEL,
    Condition,
    all_of,
    barring_condition,
    scope_condition,
    span_condition,
    trace_condition,
)
from llmtrace.store.search_syntax import Search

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from llmtrace.store.queries import PageEnd, Scope
    from llmtrace.store.reading import Store
    from llmtrace.store.search_conditions import Hits

_FIRST_LOOK: Final = 20_000
"""Spans that the first look for a page is about to read; each further look reads eight times as
many, until the page is full or the range is read."""
_AROUND: Final = timedelta(days=1)
_NAMED: Final = f"""
    replace(trace_id::varchar, '-', '') as trace_id,
    coalesce(
        arg_min(name, start_time) filter (where parent_span_id is null),
        arg_min(name, start_time)
    ) as name,
    mode({MODEL}) filter (where is_inference) as model,
    count(distinct {MODEL}) filter (where is_inference) as models,
    arg_min(user_id, start_time) as user_id,
    arg_min(tenant, start_time) as tenant,
    arg_min(feature, start_time) as feature,
    arg_min(session_id, start_time) as session_id,
    arg_min(service, start_time) as service,
    arg_min(environment, start_time) as environment,
    if(count(*) filter (where status = 'error') > 0, 'error', 'ok') as status,"""
_SUMS: Final = """
    min(start_time) as start_time,
    epoch_us(max(end_time) - min(start_time)) / 1e3 as duration_ms,
    count(*) as spans,
    count(*) filter (where is_inference) as llm_calls,
    count(*) filter (where status = 'error') as errors,
    (sum(input_tokens) filter (where is_inference))::bigint as input_tokens,
    (sum(output_tokens) filter (where is_inference))::bigint as output_tokens,
    sum(cost_usd) filter (where is_inference) as cost_usd,
    count(*) filter (
        where is_inference and cost_usd is null
        and (status = 'ok' or input_tokens is not null or output_tokens is not null)
    ) as unpriced_calls"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSearch:
    """A search in a range, within what the filter bar leaves."""

    scope: Scope
    search: Search = field(default_factory=Search)


def search_traces(
    store: Store,
    wanted: TraceSearch,
    hits: Hits,
    *,
    after: PageEnd | None = None,
    limit: int,
) -> pa.Table:
    """Return one page of the traces that fit, newest first.

    Columns: trace_id (hex), name (of the root), model (of the most calls), models (count), user_id,
    tenant, feature, session_id, service, environment (of the first span that has one), status
    (``error`` if a span failed, else ``ok``), start_time (UTC), duration_ms, spans, llm_calls,
    errors, input_tokens, output_tokens (NULL unknown), cost_usd (NULL if nothing is priced),
    unpriced_calls. ``hits`` are what ``message_search`` found for the same search.
    Raises QueryError for an empty range, StoreError.
    """
    scope = wanted.scope
    check_range(scope.start, scope.end)
    newest = scope.end if after is None else after.start_time.replace(tzinfo=UTC)
    # A trace before the last one of a page may still have spans after it.
    end = scope.end if after is None else min(scope.end, newest + _AROUND)
    length = first_length(store, scope)
    while True:
        since = max(scope.start, newest - length)
        page = _page(store, wanted, hits, _Look(since=since, end=end, after=after, limit=limit))
        if since == scope.start or page.num_rows >= limit:
            return page
        length *= 8


def kept(wanted: TraceSearch, hits: Hits, *, since: datetime | None = None) -> Condition:
    """Return CTEs, ``with`` included, the last of them ``kept``: the ids of the traces that fit.

    ``since`` makes the range begin later.
    """
    scope = wanted.scope
    start = since or scope.start
    fitting = trace_condition(wanted.search)
    if fitting is None:
        found = _fitting(wanted, hits, start, scope.end)
        sql = f"{found.sql},\nkept as (select trace_id from fitting)"  # noqa: S608  # no user's text
        return Condition(sql, found.parameters)
    found = _summed(wanted, hits, start, scope.end, "trace_id,")
    return Condition(
        f"{found.sql},\nkept as materialized (select trace_id from summaries where {fitting.sql})",  # noqa: S608  # no user's text
        [*found.parameters, *fitting.parameters],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """A part of the range in which a page is looked for."""

    since: datetime
    end: datetime
    after: PageEnd | None
    limit: int


def _page(store: Store, wanted: TraceSearch, hits: Hits, look: _Look) -> pa.Table:
    found = _summed(wanted, hits, look.since, look.end, _NAMED)
    parts: list[Condition] = []
    if look.since > wanted.scope.start:
        # What began before may have newer traces between it and this part: a further look's.
        parts.append(Condition("start_time >= ?", [look.since]))
    if look.after is not None:
        at = look.after.start_time
        before = "(start_time < ? or (start_time = ? and trace_id < ?))"
        parts.append(Condition(before, [at, at, look.after.trace_id]))
    fitting = trace_condition(wanted.search)
    where = all_of([*parts, *([fitting] if fitting else [])])
    sql = (
        f"{found.sql}\nselect * from summaries where {where.sql}\n"
        "order by start_time desc, trace_id desc limit ?"
    )
    return ask(store, sql, [*found.parameters, *where.parameters, look.limit])


def _summed(
    wanted: TraceSearch, hits: Hits, start: datetime, end: datetime, columns: str
) -> Condition:
    """Return CTEs, the last of them ``summaries`` with ``columns`` and the sums, a row a trace."""
    found = _fitting(wanted, hits, start, end)
    sql = (
        f"{found.sql},\nsummaries as (\nselect {columns}{_SUMS}\nfrom spans\n"  # noqa: S608  # no user's text
        "where start_time >= ? and start_time < ? and trace_id in (select trace_id from fitting)\n"
        "group by spans.trace_id\n)"
    )
    return Condition(sql, [*found.parameters, start - _AROUND, end + _AROUND])


def _fitting(wanted: TraceSearch, hits: Hits, start: datetime, end: datetime) -> Condition:
    """Return CTEs, the last of them ``fitting``: ids of traces whose spans fit."""
    where = all_of([scope_condition(wanted.scope), span_condition(wanted.search, hits)])
    inside = Condition("start_time >= ? and start_time < ?", [start, end])
    where = all_of([inside, where])
    select = f"select distinct trace_id from spans where {where.sql}"  # noqa: S608  # no user's text
    barring = barring_condition(wanted.search, hits)
    if barring is None:
        return Condition(f"with fitting as materialized (\n{select}\n)", where.parameters)
    sql = (
        f"with named as materialized (\n{select}\n),\n"  # noqa: S608  # no user's text
        "fitting as materialized (\nselect trace_id from named where trace_id not in (\n"
        "select trace_id from spans where start_time >= ? and start_time < ?\n"
        f"and trace_id in (select trace_id from named) and {barring.sql}\n)\n)"
    )
    around: list[object] = [start - _AROUND, end + _AROUND]
    return Condition(sql, [*where.parameters, *around, *barring.parameters])


def first_length(store: Store, scope: Scope) -> timedelta:
    """Return how long a part of the range holds about ``_FIRST_LOOK`` spans."""
    sql = "select count(*) as spans from spans where start_time >= ? and start_time < ?"
    (row,) = ask(store, sql, [scope.start, scope.end]).to_pylist()
    length = scope.end - scope.start
    return length if row["spans"] <= _FIRST_LOOK else length * (_FIRST_LOOK / row["spans"])
