"""The calls behind a number: rows of ``llm_calls`` that a question to the metric layer counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from llmtrace.errors import QueryError
from llmtrace.store.metric_definitions import HEADROOM, RATE_LIMITED
from llmtrace.store.metric_rows import calls, calls_with, of_its_calls
from llmtrace.store.own_sql import ask, ask_in_one_pass

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from llmtrace.store.metrics import MetricQuery
    from llmtrace.store.reading import Store

Behind = Literal[
    "latest", "costliest", "slowest", "slowest_first_chunk", "rate_limited", "least_headroom"
]

MAX_CALLS: Final = 200
LONGEST_BODY: Final = 200_000
_PROMPT_COLUMNS: Final = (
    "start_time", "trace_id", "span_id", "name", "model", "session_id", "feature", "api",
    "input_tokens", "cache_read_tokens", "cache_write_tokens", "end_time", "provider",
    "service_tier",
)  # fmt: skip
_TEXTS: Final = ("request_body", "input_messages", "system_instructions", "tool_definitions")
_COLUMNS: Final = (
    "start_time", "trace_id", "span_id", "provider", "model", "user_id", "feature", "status",
    "error_type", "status_message", "http_status", "finish_reasons[1] as finish_reason",
    "retry_count", "latency_ms", "ttfc_ms", "cost_usd", "is_unpriced", f"{HEADROOM} as headroom",
)  # fmt: skip
# Where nobody tells it the columns' statistics say so; of a quotient there are none.
_TELLS_HEADROOM: Final = (
    "(rate_limit_remaining_requests is not null or rate_limit_remaining_tokens is not null)"
)
_CHOSEN: Final[dict[Behind, tuple[str, str]]] = {
    "latest": ("true", "start_time desc"),
    "costliest": ("cost_usd is not null", "cost_usd desc"),
    "slowest": ("duration_ns is not null", "duration_ns desc"),
    "slowest_first_chunk": ("ttfc_ns is not null", "ttfc_ns desc"),
    "rate_limited": (RATE_LIMITED, "start_time desc"),
    "least_headroom": (f"{_TELLS_HEADROOM} and {HEADROOM} is not null", HEADROOM),
}


def calls_behind(
    store: Store, query: MetricQuery, which: Behind = "latest", *, limit: int = 10
) -> pa.Table:
    """Return calls within a question's range and filters; its measures and groups do not matter.

    Columns: start_time (UTC), trace_id, span_id (hex), provider, model, user_id, feature, status,
    error_type, status_message, http_status, finish_reason, retry_count, latency_ms, ttfc_ms,
    cost_usd, is_unpriced, headroom (least part left of a rate limit, 0 to 1). NULL is unknown;
    texts are untrusted. The order is what ``which`` says, then the newest first.

    Raises QueryError for an unknown name, an empty range or a limit beyond ``MAX_CALLS``.
    """
    query = _checked(query, limit)
    condition, order = _CHOSEN[which]
    parameters: list[object] = []
    rows = calls(query, parameters, view="_calls")
    if not order.startswith("start_time"):
        moments = _moments(store, query, which, limit)
        condition += f" and start_time in ({', '.join('?' * len(moments))})"
        parameters.extend(moments)
    sql = (
        f"select {', '.join(_COLUMNS)} from ({rows}) where {condition} "  # noqa: S608  # text of ours
        f"order by {order}, start_time desc, span_id limit ?"
    )
    return ask_in_one_pass(store, sql, parameters, limit)


def _moments(store: Store, query: MetricQuery, which: Behind, limit: int) -> list[datetime]:
    """Return when the first of a question's calls by something else than time started; never none.

    It reads two columns. DuckDB would read all of whatever may be among the first, or look through
    the table twice, for two or three times as long.
    """
    condition, order = _CHOSEN[which]
    parameters: list[object] = []
    rows = calls_with(query, parameters, [condition, order])
    sql = (
        f"select start_time from ({rows}) where {condition} "  # noqa: S608  # text of ours
        f"order by {order}, start_time desc limit ?"
    )
    found = ask_in_one_pass(store, sql, parameters, limit)
    return list(dict.fromkeys(found.column("start_time").to_pylist())) or [query.start]


def prompts_behind(store: Store, query: MetricQuery, *, limit: int = MAX_CALLS) -> pa.Table:
    """Return the calls that started last with the text they sent, for ``prompt_prefix``.

    Columns: start_time (UTC), trace_id, span_id (hex), name, model, session_id, feature, api,
    input_tokens, cache_read_tokens, cache_write_tokens, end_time, provider, service_tier,
    truncated, redacted, and the texts request_body, input_messages, system_instructions,
    tool_definitions: NULL if not captured, deleted, or longer than ``LONGEST_BODY`` bytes. Calls
    for embeddings are left out: nothing caches them.
    """
    parameters: list[object] = []
    rows = calls(_checked(query, limit), parameters, view="_calls")
    texts = ", ".join(f"case when strlen(p.{each}) <= ? then p.{each} end as {each}"
                      for each in _TEXTS)  # fmt: skip
    sql = f"""
        with latest as materialized (
            select {", ".join(_PROMPT_COLUMNS)}, trace_uuid, span_number
            from ({rows})
            where operation is distinct from 'embeddings'
            order by start_time desc, span_id limit ?
        )
        select latest.* exclude (trace_uuid, span_number), p.truncated, p.redacted, {texts}
        from latest
        left join payloads as p
            on p.start_time = latest.start_time
            and p.trace_id = latest.trace_uuid and p.span_id = latest.span_number
        order by latest.start_time desc, latest.span_id
    """  # noqa: S608  # text of ours
    return ask(store, sql, [*parameters, limit, *[LONGEST_BODY] * len(_TEXTS)])


def _checked(query: MetricQuery, limit: int) -> MetricQuery:
    if not 1 <= limit <= MAX_CALLS:
        raise QueryError(f"limit is {limit}; it must be from 1 to {MAX_CALLS}")
    return of_its_calls(query)
