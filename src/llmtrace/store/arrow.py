"""Span rows → Arrow tables in the shape of the store's tables. Pure; no SQL, no DuckDB.

Ids travel as 16 raw bytes and unsigned 64-bit integers, times as microseconds UTC, money as
decimal128(18, 12).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate, repeat
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from llmtrace.otlp.rows import SpanRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TEXT: Final = pa.string()
_INT: Final = pa.int64()
_MONEY: Final = pa.decimal128(18, 12)
_ID: Final = pa.uint64()
_TRACE: Final = pa.binary(16)
_TIME: Final = pa.timestamp("us")

_PLAIN: Final[tuple[tuple[str, pa.DataType], ...]] = (
    ("duration_ns", _INT),
    ("trace_id", _TRACE),
    ("span_id", _ID),
    ("parent_span_id", _ID),
    *((name, _TEXT) for name in ("name", "kind", "status", "status_message", "error_type")),
    ("http_status", pa.int32()),
    *((name, _TEXT) for name in ("service", "environment", "sdk", "origin", "api")),
    ("is_inference", pa.bool_()),
    *(
        (name, _TEXT)
        for name in (
            "operation",
            "provider",
            "request_model",
            "response_model",
            "agent_name",
            "tool_name",
            "user_id",
            "tenant",
            "session_id",
            "feature",
            "response_id",
            "request_id",
            "service_tier",
        )
    ),
    ("is_stream", pa.bool_()),
    ("stream_outcome", _TEXT),
    *(
        (name, _INT)
        for name in (
            "retry_count",
            "ttfc_ns",
            "input_tokens",
            "output_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "cache_write_5m_tokens",
            "cache_write_1h_tokens",
            "reasoning_tokens",
            "audio_input_tokens",
            "image_input_tokens",
            "audio_output_tokens",
            "image_output_tokens",
            "rate_limit_limit_requests",
            "rate_limit_remaining_requests",
            "rate_limit_limit_tokens",
            "rate_limit_remaining_tokens",
        )
    ),
    ("usage_source", _TEXT),
    ("usage_anomaly", _TEXT),
    *(
        (name, _MONEY)
        for name in (
            "cost_usd",
            "cost_input_usd",
            "cost_output_usd",
            "cost_cache_read_usd",
            "cost_cache_write_usd",
            "cost_tools_usd",
            "cache_savings_usd",
        )
    ),
    *((name, _TEXT) for name in ("cost_source", "price_version", "cache_status")),
)
_BODIES: Final = (
    "request_body",
    "response_body",
    "input_messages",
    "output_messages",
    "system_instructions",
    "tool_definitions",
    "usage_raw",
    "redacted",
    "truncated",
)
_bodies_of: Final = attrgetter(*_BODIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Arrow tables of one insert, by the store table they go to."""

    spans: pa.Table
    payloads: pa.Table
    events: pa.Table
    links: pa.Table
    resources: pa.Table


def tables(rows: Sequence[SpanRow], *, now_us: int) -> Tables:
    """Build the tables of one insert; ``now_us`` is the time of ingestion."""
    resource_ids = _resource_ids(rows)
    return Tables(
        spans=_spans(rows, resource_ids, now_us),
        payloads=_payloads(rows),
        events=_events(rows),
        links=_links(rows),
        resources=_resources(rows, resource_ids, now_us),
    )


def _spans(rows: Sequence[SpanRow], resource_ids: list[int], now_us: int) -> pa.Table:
    values = _by_field(rows)
    columns = {name: _array(values[name], kind) for name, kind in _PLAIN}
    columns["start_time"] = pa.array(values["start_time_us"], _TIME)
    columns["end_time"] = pa.array(values["end_time_us"], _TIME)
    columns["finish_reasons"] = _array(values["finish_reasons"], pa.list_(_TEXT))
    columns["tags"] = _maps(values["tags"])
    columns["attributes"] = _maps(values["attributes"])
    columns["resource_id"] = pa.array(resource_ids, _ID)
    columns["ingested_at"] = pa.array([now_us] * len(rows), _TIME)
    return pa.table(columns)


def _payloads(rows: Sequence[SpanRow]) -> pa.Table:
    kept = [row for row in rows if _bodies_of(row).count(None) < len(_BODIES)]
    values = _by_field(kept)
    columns = _keys(kept)
    for name in _BODIES:
        columns[name] = _array(values[name], _TEXT)
    return pa.table(columns)


def _events(rows: Sequence[SpanRow]) -> pa.Table:
    pairs = [(row, event) for row in rows for event in row.events]
    columns = _keys([row for row, _ in pairs])
    columns["event_time"] = pa.array([event.time_us for _, event in pairs], _TIME)
    columns["name"] = pa.array([event.name for _, event in pairs], _TEXT)
    columns["attributes"] = _maps([event.attributes for _, event in pairs])
    return pa.table(columns)


def _links(rows: Sequence[SpanRow]) -> pa.Table:
    pairs = [(row, link) for row in rows for link in row.links]
    columns = _keys([row for row, _ in pairs])
    columns["linked_trace_id"] = pa.array([link.trace_id for _, link in pairs], _TRACE)
    columns["linked_span_id"] = pa.array([link.span_id for _, link in pairs], _ID)
    columns["attributes"] = _maps([link.attributes for _, link in pairs])
    return pa.table(columns)


def _resources(rows: Sequence[SpanRow], resource_ids: list[int], now_us: int) -> pa.Table:
    distinct = dict(zip(resource_ids, (row.resource for row in rows), strict=True))
    return pa.table(
        {
            "resource_id": pa.array(list(distinct), _ID),
            "attributes": _maps(list(distinct.values())),
            "first_seen": pa.array([now_us] * len(distinct), _TIME),
        }
    )


def _keys(rows: Sequence[SpanRow]) -> dict[str, pa.Array]:
    return {
        "start_time": pa.array([row.start_time_us for row in rows], _TIME),
        "trace_id": pa.array([row.trace_id for row in rows], _TRACE),
        "span_id": pa.array([row.span_id for row in rows], _ID),
    }


def _by_field(rows: Sequence[SpanRow]) -> dict[str, tuple[Any, ...]]:
    """Turn rows into the values of each field."""
    if not rows:
        return dict.fromkeys(SpanRow._fields, ())
    return dict(zip(SpanRow._fields, zip(*rows, strict=True), strict=True))


def _array(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    """Build a column; one of nothing but None, as many are, at once."""
    if all(map(is_, values, repeat(None))):
        return pa.nulls(len(values), kind)
    return pa.array(values, kind)


def _maps(values: Sequence[Mapping[str, str]]) -> pa.Array:
    ends = accumulate((len(value) for value in values), initial=0)
    return pa.MapArray.from_arrays(
        pa.array(ends, pa.int32()),
        pa.array([name for value in values for name in value], _TEXT),
        pa.array([text for value in values for text in value.values()], _TEXT),
    )


def _resource_ids(rows: Sequence[SpanRow]) -> list[int]:
    """Return the id of each row's resource; the spans of a request have one object in common."""
    objects = {id(row.resource): row.resource for row in rows}
    known = {place: _resource_id(resource) for place, resource in objects.items()}
    return [known[id(row.resource)] for row in rows]


def _resource_id(resource: Mapping[str, str]) -> int:
    text = json.dumps(sorted(resource.items()), ensure_ascii=False)
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")
