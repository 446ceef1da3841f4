"""The same request, answered again: what the repeats cost. Exact, over the calls looked at.

Two requests are the same if tenant, provider, model, operation and the stored text are. A repeat
began after an earlier one was answered, so that an answer was there to be had. Redacted text may
have been different before, so such repeats count for the upper bound alone; calls whose text was
not captured, was deleted or cut short take no part.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from llmtrace.store.metric_rows import calls
from llmtrace.store.own_sql import ask
from llmtrace.store.savings.bounds import Saving, Seen
from llmtrace.store.savings.latest import of_latest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    import pyarrow as pa

    from llmtrace.store.metrics import MetricQuery
    from llmtrace.store.reading import Store

LOOKED_AT: Final = 20_000
"""Answered calls of a range that are compared, the latest."""
TIMEOUT_S: Final = 10.0
SEEN: Final = 20
"""Calls that a finding names."""
_ZERO: Final = Decimal(0)
_COLUMNS: Final = (
    "start_time", "end_time", "trace_id", "span_id", "provider", "model", "feature", "cost_usd",
    "is_unpriced", "tenant", "request_model", "operation", "trace_uuid", "span_number",
)  # fmt: skip
_SENT: Final = ("system_instructions", "tool_definitions", "input_messages")
_ANSWERED: Final = "status is distinct from 'error'"
_SAME: Final = ("tenant", "provider", "request_model", "operation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Repeats of one feature and model."""

    feature: str | None
    provider: str | None
    model: str | None
    calls: int
    """Calls that were answered before."""
    requests: int
    """Different requests that they repeat."""
    redacted: int
    """Of the calls, those whose text was redacted: their requests may have differed."""
    unpriced: int
    saving: Saving
    """Lower: what the repeats cost whose text is whole; upper: all of them."""
    seen: tuple[Seen, ...]
    """The repeats, the latest first; at most ``SEEN``."""


def answered_calls(store: Store, query: MetricQuery, *, limit: int = LOOKED_AT) -> pa.Table:
    """Return one row of counts and the repeats among the latest answered calls of a range.

    Columns: looked_at, comparable (calls, the same in every row), and of each repeat start_time,
    trace_id, span_id, provider, model, feature, cost_usd, is_unpriced, is_redacted, body (a hash),
    after_s (seconds since the earlier answer); NULL in the one row that there is without repeats.
    """
    parameters: list[object] = []
    latest = of_latest(store, query, _ANSWERED, limit=limit, timeout_s=TIMEOUT_S)
    rows = calls(latest, parameters, view="_calls")
    sql = f"""
        with latest as materialized (
            select {", ".join(_COLUMNS)} from ({rows})
            where {_ANSWERED} order by start_time desc, span_id limit ?
        ),
        texts as (
            select latest.*, coalesce(p.redacted, '') <> '' as is_redacted,
                coalesce(p.request_body, nullif(concat_ws(chr(31), {", ".join(_SENT)}), '')) as sent
            from latest join payloads as p
                on p.start_time = latest.start_time
                and p.trace_id = latest.trace_uuid and p.span_id = latest.span_number
            where p.start_time >= ? and p.start_time < ? and coalesce(p.truncated, '') = ''
        ),
        hashed as materialized (
            select * exclude (sent), md5(concat_ws(
                chr(31), {", ".join(f"coalesce({name}, '')" for name in _SAME)}, sent)) as body
            from texts where sent is not null
        ),
        repeats as (
            select again.*, epoch_us(again.start_time - earlier.end_time) / 1e6 as after_s
            from hashed as again
            asof join (select body, end_time from hashed) as earlier
                on again.body = earlier.body and again.start_time > earlier.end_time
        ),
        counts as (
            select (select count(*) from latest) as looked_at,
                (select count(*) from hashed) as comparable
        )
        select counts.*, start_time, trace_id, span_id, provider, model, feature, cost_usd,
            is_unpriced, is_redacted, body, after_s
        from counts left join repeats on true
        order by start_time desc, span_id
    """  # noqa: S608  # text of ours
    bounds = [limit, latest.start, latest.end]
    return ask(store, sql, [*parameters, *bounds], max_rows=limit + 1, timeout_s=TIMEOUT_S)


def find_repeats(rows: Iterable[Mapping[str, Any]], window: timedelta) -> list[Repeats]:
    """Return the repeats within ``window`` of an earlier answer, what cost most first.

    ``rows`` are those of ``answered_calls``.
    """
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["span_id"] is not None and row["after_s"] <= window.total_seconds():
            groups.setdefault((row["feature"], row["provider"], row["model"]), []).append(row)
    found = [_repeats(key, members) for key, members in groups.items()]
    return sorted(found, key=lambda each: (-each.saving.upper_usd, -each.calls))


def _repeats(key: tuple[Any, ...], rows: list[Mapping[str, Any]]) -> Repeats:
    feature, provider, model = key
    ordered = sorted(rows, key=_start, reverse=True)
    whole = sum((row["cost_usd"] or _ZERO for row in rows if not row["is_redacted"]), _ZERO)
    everything = sum((row["cost_usd"] or _ZERO for row in rows), _ZERO)
    unpriced = sum(row["is_unpriced"] for row in rows)
    return Repeats(
        feature=feature,
        provider=provider,
        model=model,
        calls=len(rows),
        requests=len({row["body"] for row in rows}),
        redacted=sum(row["is_redacted"] for row in rows),
        unpriced=unpriced,
        saving=Saving(
            lower_usd=whole,
            upper_usd=everything,
            unsaid="some of the repeats have no price" if unpriced else None,
        ),
        seen=tuple(
            Seen(
                start_time=row["start_time"],
                trace_id=row["trace_id"],
                span_id=row["span_id"],
                about=f"answered {_span(row['after_s'])} before",
            )
            for row in ordered[:SEEN]
        ),
    )


def _start(row: Mapping[str, Any]) -> datetime:
    return row["start_time"]


def _span(seconds: float) -> str:
    for size, unit in ((3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.0f} s"
