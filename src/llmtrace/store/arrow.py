"""Span rows → Arrow tables in the shape of the store's tables. Pure; no SQL, no DuckDB.

Ids travel as 16 raw bytes and unsigned 64-bit integers, times as microseconds UTC, money as
decimal128(18, 12). When a row is stored is for whoever stores it to say.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from operator import attrgetter
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
_PLACE: Final = pa.int32()

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
_NO_BODIES: Final = (None,) * len(_BODIES)


PLACE: Final = "place"
"""Column of every table but ``resources``: which span of the batch a row is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Arrow tables of one insert, by the store table they go to, and ``PLACE``."""

    spans: pa.Table
    payloads: pa.Table
    events: pa.Table
    links: pa.Table
    resources: pa.Table


def tables(rows: Sequence[SpanRow], first_place: int = 0) -> Tables:
    """Build the tables of one insert; the places of its rows begin with ``first_place``."""
    resource_ids = _resource_ids(rows)
    values = _by_field(rows)
    return Tables(
        spans=_spans(values, resource_ids, first_place),
        payloads=_payloads(rows, values, first_place),
        events=_events(rows, first_place),
        links=_links(rows, first_place),
        resources=_resources(rows, resource_ids),
    )


def _spans(
    values: Mapping[str, tuple[Any, ...]], resource_ids: list[int], first_place: int
) -> pa.Table:
    columns = {name: _array(values[name], kind) for name, kind in _PLAIN}
    columns["start_time"] = pa.array(values["start_time_us"], _TIME)
    columns["end_time"] = pa.array(values["end_time_us"], _TIME)
    columns["finish_reasons"] = _array(values["finish_reasons"], pa.list_(_TEXT))
    columns["tags"] = maps(values["tags"])
    columns["attributes"] = maps(values["attributes"])
    columns["resource_id"] = pa.array(resource_ids, _ID)
    places = range(first_place, first_place + len(resource_ids))
    columns[PLACE] = pa.array(places, _PLACE)
    return pa.table(columns)


def _payloads(
    rows: Sequence[SpanRow], values: Mapping[str, tuple[Any, ...]], first_place: int
) -> pa.Table:
    kept = [place for place, row in enumerate(rows) if _bodies_of(row) != _NO_BODIES]
    columns = _keys(rows, kept, first_place)
    for name in _BODIES:
        column = values[name]
        columns[name] = _array([column[place] for place in kept], _TEXT)
    return pa.table(columns)


def _events(rows: Sequence[SpanRow], first_place: int) -> pa.Table:
    found = [(place, event) for place, row in enumerate(rows) for event in row.events]
    columns = _keys(rows, [place for place, _ in found], first_place)
    columns["event_time"] = pa.array([event.time_us for _, event in found], _TIME)
    columns["name"] = pa.array([event.name for _, event in found], _TEXT)
    columns["attributes"] = maps([event.attributes for _, event in found])
    return pa.table(columns)


def _links(rows: Sequence[SpanRow], first_place: int) -> pa.Table:
    found = [(place, link) for place, row in enumerate(rows) for link in row.links]
    columns = _keys(rows, [place for place, _ in found], first_place)
    columns["linked_trace_id"] = pa.array([link.trace_id for _, link in found], _TRACE)
    columns["linked_span_id"] = pa.array([link.span_id for _, link in found], _ID)
    columns["attributes"] = maps([link.attributes for _, link in found])
    return pa.table(columns)


def _resources(rows: Sequence[SpanRow], resource_ids: list[int]) -> pa.Table:
    distinct = dict(zip(resource_ids, (row.resource for row in rows), strict=True))
    return pa.table(
        {
            "resource_id": pa.array(list(distinct), _ID),
            "attributes": maps(list(distinct.values())),
        }
    )


def _keys(rows: Sequence[SpanRow], places: list[int], first_place: int) -> dict[str, pa.Array]:
    """Return the columns that say which spans rows are of."""
    return {
        PLACE: pa.array([first_place + place for place in places], _PLACE),
        "start_time": pa.array([rows[place].start_time_us for place in places], _TIME),
        "trace_id": pa.array([rows[place].trace_id for place in places], _TRACE),
        "span_id": pa.array([rows[place].span_id for place in places], _ID),
    }


def _by_field(rows: Sequence[SpanRow]) -> dict[str, tuple[Any, ...]]:
    """Turn rows into the values of each field."""
    if not rows:
        return dict.fromkeys(SpanRow._fields, ())
    return dict(zip(SpanRow._fields, zip(*rows, strict=True), strict=True))


def _array(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    """Build a column; one of nothing but None, as many are, at once."""
    if not values or (values[0] is None and values.count(None) == len(values)):
        return pa.nulls(len(values), kind)
    return pa.array(values, kind)


def maps(values: Sequence[Mapping[str, str]]) -> pa.Array:
    """Build a column of maps from text to text."""
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
