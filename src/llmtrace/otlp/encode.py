"""Finished spans → OTLP bytes, written directly.

The bytes are those of ``opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest``
(opentelemetry-proto 1.x); a test parses them with the official classes. Writing them by hand takes
a sixth of the time of building protobuf objects, and needs no protobuf in the user's process.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

SPAN_KIND: Final = {
    "internal": 1,
    "server": 2,
    "client": 3,
    "producer": 4,
    "consumer": 5,
}
STATUS: Final = {"unset": 0, "ok": 1, "error": 2}

_fixed64 = struct.Struct("<Q").pack
_double = struct.Struct("<d").pack

_INT64_MAX: Final = 2**63 - 1
_INT64_MIN: Final = -(2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """Something that happened within a span."""

    name: str
    time_unix_ns: int
    attributes: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedSpan:
    """A span that has ended. Attribute values: str, bool, int, float, bytes, lists, maps."""

    trace_id: int
    span_id: int
    parent_span_id: int | None
    name: str
    kind: Literal["internal", "server", "client", "producer", "consumer"]
    start_unix_ns: int
    end_unix_ns: int
    attributes: Mapping[str, object]
    events: Sequence[SpanEvent] = ()
    status: Literal["unset", "ok", "error"] = "unset"
    status_message: str = ""


def encode_request(
    resource: Mapping[str, object],
    scope_name: str,
    scope_version: str,
    spans: Sequence[FinishedSpan],
) -> bytes:
    """Return one serialized ``ExportTraceServiceRequest`` with all ``spans`` of one resource."""
    scope = _field(1, scope_name.encode()) + _field(2, scope_version.encode())
    scope_spans = bytearray(_field(1, scope))
    for span in spans:
        scope_spans += _field(2, _span(span))
    resource_spans = _field(1, _attributes(1, resource)) + _field(2, bytes(scope_spans))
    return _field(1, resource_spans)


def _span(span: FinishedSpan) -> bytes:
    out = bytearray()
    out += b"\x0a\x10" + span.trace_id.to_bytes(16, "big")
    out += b"\x12\x08" + span.span_id.to_bytes(8, "big")
    if span.parent_span_id:
        out += b"\x22\x08" + span.parent_span_id.to_bytes(8, "big")
    out += _field(5, _utf8(span.name))
    out += b"\x30" + _varint(SPAN_KIND[span.kind])
    out += b"\x39" + _fixed64(span.start_unix_ns)
    out += b"\x41" + _fixed64(span.end_unix_ns)
    out += _attributes(9, span.attributes)
    for event in span.events:
        out += _field(11, _event(event))
    if span.status != "unset":
        message = _field(2, _utf8(span.status_message)) if span.status_message else b""
        out += _field(15, message + b"\x18" + _varint(STATUS[span.status]))
    # Span.flags (16): the low byte is the W3C trace flags; what we write is sampled.
    out += b"\x85\x01\x01\x01\x00\x00"
    return bytes(out)


def _event(event: SpanEvent) -> bytes:
    return (
        b"\x09"
        + _fixed64(event.time_unix_ns)
        + _field(2, _utf8(event.name))
        + _attributes(3, event.attributes)
    )


def _attributes(number: int, attributes: Mapping[str, object]) -> bytes:
    tag = _varint(number << 3 | 2)
    out = bytearray()
    for key, value in attributes.items():
        encoded = _value(value)
        if encoded is None:
            continue
        name = _utf8(key)
        pair = b"\x0a" + _varint(len(name)) + name + b"\x12" + _varint(len(encoded)) + encoded
        out += tag + _varint(len(pair)) + pair
    return bytes(out)


def _value(value: object) -> bytes | None:  # noqa: PLR0911  # one branch a type
    """Return an ``AnyValue``; None for what has no place in one (None itself, other objects)."""
    if isinstance(value, str):
        text = _utf8(value)
        return b"\x0a" + _varint(len(text)) + text
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        if _INT64_MIN <= value <= _INT64_MAX:
            return b"\x18" + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)
        return _value(str(value))
    if isinstance(value, float):
        return b"\x21" + _double(value)
    if isinstance(value, bytes):
        return b"\x3a" + _varint(len(value)) + value
    if isinstance(value, Mapping):
        return _field(6, _attributes(1, value))  # pyright: ignore[reportUnknownArgumentType]  # any mapping
    if isinstance(value, Sequence):
        items = b"".join(_field(1, item) for item in map(_value, value) if item is not None)  # pyright: ignore[reportUnknownArgumentType]  # any sequence
        return _field(5, items)
    return None


def _utf8(text: str) -> bytes:
    """Encode; a lone surrogate, which JSON can carry and UTF-8 cannot, becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    if value < 0x80:  # one byte is nearly always enough
        return value.to_bytes(1, "little")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
