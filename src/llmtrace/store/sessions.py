"""Named queries for sessions: a page of them, one in sums, and its turns with what was said.

A turn is one LLM call. Figures are those of the view ``sessions``: of the whole session, also where
it began before the range by which it was found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmtrace.store.metric_time import check_range
from llmtrace.store.own_sql import ask
from llmtrace.store.search_conditions import Condition, all_of, scope_condition
from llmtrace.store.trace_search import first_length

if TYPE_CHECKING:
    from datetime import datetime

    from llmtrace.store.queries import Scope
    from llmtrace.store.reading import Store

Row = dict[str, Any]
LONGEST_BODY: Final = 2_000_000
"""Bytes of one stored body of a turn; a longer one is left out (``is_left_out``)."""
_BODIES: Final = (
    "request_body", "response_body", "input_messages", "output_messages", "system_instructions",
    "tool_definitions",
)  # fmt: skip
_SUMS: Final = """
    select *, epoch_us(end_time - start_time) / 1e3 as duration_ms
    from sessions where list_contains(?::varchar[], session_id)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnd:
    """The last row of a page of sessions, after which the next one begins."""

    last_at: datetime
    """UTC, as stored: naive."""
    session_id: str


def find_sessions(
    store: Store, scope: Scope, *, text: str = "", after: SessionEnd | None = None, limit: int
) -> list[Row]:
    """Return one page of the sessions with a call in the scope, the last active first.

    ``text`` is contained in the session's id or a user's, whatever its case. Columns: those of the
    view ``sessions``, duration_ms, and last_at (UTC): when its last call in the scope started.
    Raises QueryError for an empty range, StoreError.
    """
    check_range(scope.start, scope.end)
    length = first_length(store, scope)
    while True:
        since = max(scope.start, scope.end - length)
        found = _last_active(store, scope, text, since, after, limit)
        if since == scope.start or len(found) >= limit:
            break
        length *= 8
    sums = {
        row["session_id"]: row
        for row in ask(store, _SUMS, [[row["session_id"] for row in found]]).to_pylist()
    }
    return [{**sums[row["session_id"]], **row} for row in found if row["session_id"] in sums]


def session_summary(store: Store, session_id: str) -> Row | None:
    """Return a session's sums, columns as ``find_sessions`` without last_at; None if unknown."""
    found = ask(store, _SUMS, [[session_id]]).to_pylist()
    return found[0] if found else None


def session_turns(store: Store, session_id: str, *, first: int, last: int) -> list[Row]:
    """Return turns of a session, oldest first, from number ``first`` (1 is the oldest) to ``last``.

    Columns: turn (its number), start_time (UTC), trace_id, span_id (hex), name, api, provider,
    model, status, error_type, http_status, status_message, latency_ms, input_tokens, output_tokens,
    cache_status, cost_usd (NULL unpriced), is_unpriced, total_usd (of all turns until this one,
    NULL if none is priced), total_unpriced (turns without a price until this one), the bodies, NULL
    if they were not captured or are longer than ``LONGEST_BODY``, and is_left_out (one is longer).
    """
    bodies = ", ".join(f"case when strlen(p.{each}) <= ? then p.{each} end as {each}"
                       for each in _BODIES)  # fmt: skip
    longest = ", ".join(f"strlen(p.{each})" for each in _BODIES)
    sql = f"""
        with calls as (
            select
                row_number() over turns as turn,
                sum(cost_usd) over turns as total_usd,
                count(*) filter (where is_unpriced) over turns as total_unpriced,
                *
            from (
                select
                    *,
                    cost_usd is null
                    and (status is distinct from 'error' or input_tokens is not null) as is_unpriced
                from spans where session_id = ? and is_inference
            )
            window turns as (
                order by start_time, span_id rows between unbounded preceding and current row
            )
        ),
        shown as materialized (select * from calls where turn between ? and ?)
        select
            s.turn, s.start_time, replace(s.trace_id::varchar, '-', '') as trace_id,
            printf('%016x', s.span_id) as span_id, s.name, s.api, s.provider,
            coalesce(s.response_model, s.request_model) as model, s.status, s.error_type,
            s.http_status, s.status_message, s.duration_ns / 1e6 as latency_ms, s.input_tokens,
            s.output_tokens, s.cache_status, s.cost_usd, s.is_unpriced, s.total_usd,
            s.total_unpriced, {bodies},
            coalesce(greatest({longest}), 0) > ? as is_left_out
        from shown as s
        left join payloads as p
            on p.start_time = s.start_time and p.trace_id = s.trace_id and p.span_id = s.span_id
        order by s.turn
    """  # noqa: S608  # no user's text
    lengths = [LONGEST_BODY] * (len(_BODIES) + 1)
    return ask(store, sql, [session_id, first, last, *lengths]).to_pylist()


def _last_active(
    store: Store,
    scope: Scope,
    text: str,
    since: datetime,
    after: SessionEnd | None,
    limit: int,
) -> list[Row]:
    parts = [
        Condition("start_time >= ?", [since]),
        scope_condition(scope),
        Condition("session_id is not null and is_inference", []),
    ]
    if text.strip():
        contained = "contains(lower(concat_ws(chr(10), session_id, user_id)), ?)"
        parts.append(Condition(contained, [text.strip().lower()]))
    where = all_of(parts)
    having = Condition("true", [])
    if after is not None:
        at = after.last_at
        having = Condition(
            "(max(start_time) < ? or (max(start_time) = ? and session_id < ?))",
            [at, at, after.session_id],
        )
    sql = (
        f"select session_id, max(start_time) as last_at from spans where {where.sql}\n"  # noqa: S608  # no user's text
        f"group by session_id having {having.sql}\n"
        "order by last_at desc, session_id desc limit ?"
    )
    return ask(store, sql, [*where.parameters, *having.parameters, limit]).to_pylist()
