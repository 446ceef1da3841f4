"""OTLP protobuf bytes → plain spans. Pure, bounded, and never surprised by what a stranger sends.

Says nothing about what attributes mean: that is ``normalize``. Follows OTLP 1.x
(``opentelemetry.proto``); limits keep one request from costing more than its bytes.
"""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace import semconv
from llmtrace.otlp.count import count_spans
from llmtrace.otlp.dialects.content import BODIES as FOREIGN_BODIES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

MAX_SPANS: Final = 20_000
MAX_ATTRIBUTES: Final = 256
MAX_KEY_CHARACTERS: Final = 256
MAX_VALUE_CHARACTERS: Final = 256 * 1024
MAX_BODY_CHARACTERS: Final = 4 * 1024 * 1024
MAX_NAME_CHARACTERS: Final = 4_096
"""Of a span, an event or a scope."""
MAX_EVENTS: Final = 1_024
MAX_LINKS: Final = 128

_BODIES: Final = frozenset(
    {
        semconv.REQUEST_BODY,
        semconv.RESPONSE_BODY,
        # JSON too, and useless when it is cut in the middle.
        semconv.INPUT_MESSAGES,
        semconv.OUTPUT_MESSAGES,
        semconv.SYSTEM_INSTRUCTIONS,
        semconv.TOOL_DEFINITIONS,
        *FOREIGN_BODIES,
    }
)
_MAX_REMEMBERED: Final = 10_000
_sound_names: set[str] = set()
"""Names of attributes within the limits: few are new from span to span."""
_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_NO_TRACE_ID: Final = bytes(_TRACE_ID_BYTES)
_NO_SPAN_ID: Final = bytes(_SPAN_ID_BYTES)


class MalformedOtlpError(ValueError):
    """The bytes are no ``ExportTraceServiceRequest``, or one beyond the limits."""


class TooManySpansError(MalformedOtlpError):
    """The request holds more spans than are taken at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainEvent:
    """An event of a span."""

    time_ns: int
    name: str
    attributes: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainLink:
    """A link of a span."""

    trace_id: bytes
    span_id: int
    attributes: Mapping[str, object]


class PlainSpan(NamedTuple):
    """One span as it was sent, in Python values; only its ids are known to be good."""

    trace_id: bytes
    span_id: int
    parent_span_id: int | None
    start_ns: int
    """Nanoseconds since 1970; 0 if it was not set."""
    end_ns: int
    name: str
    kind: int
    """OTLP ``SpanKind``."""
    status: int
    """OTLP ``StatusCode``: 0 unset, 1 ok, 2 error."""
    status_message: str
    attributes: Mapping[str, object]
    """str, bool, int, float, list, dict or None; bytes as base64 text."""
    events: tuple[PlainEvent, ...]
    links: tuple[PlainLink, ...]
    scope_name: str
    scope_version: str
    resource: Mapping[str, object]
    shortened: tuple[str, ...]
    """Attributes whose values were cut to the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """The spans of one request, and what was not taken of it."""

    spans: list[PlainSpan]
    rejected: int
    """Spans without a valid trace or span id."""
    counts: Mapping[str, int]
    """What was cut or left out, by reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What can be said of a request before it is stored."""

    spans: int
    rejected: int
    """Of these, without a valid trace or span id."""


def check(payload: bytes) -> Checked:
    """Count the spans of a request without decoding them. Raises MalformedOtlpError."""
    # In the bytes first: two million empty spans are 4 MB of them, and 350 MB as messages.
    _check_number(count_spans(payload, at_most=MAX_SPANS + 1))
    request = _parsed(payload)
    spans = rejected = 0
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                spans += 1
                rejected += not has_ids(span)
    return Checked(spans=spans, rejected=rejected)


def decode(payload: bytes) -> Decoded:
    """Decode one ``ExportTraceServiceRequest``. Raises MalformedOtlpError."""
    request = _parsed(payload)
    counts: Counter[str] = Counter()
    spans: list[PlainSpan] = []
    rejected = 0
    for resource_spans in request.resource_spans:
        resource, _ = _attributes(resource_spans.resource.attributes, counts)
        for scope_spans in resource_spans.scope_spans:
            scope, version = (
                _cut(text, MAX_NAME_CHARACTERS, "names_shortened", counts)
                for text in (scope_spans.scope.name, scope_spans.scope.version)
            )
            for span in scope_spans.spans:
                if has_ids(span):
                    spans.append(_plain(span, scope, version, resource, counts))
                else:
                    rejected += 1
    return Decoded(spans=spans, rejected=rejected, counts=counts)


def has_ids(span: Span) -> bool:
    """Say whether both ids of a span are valid."""
    trace_id, span_id = span.trace_id, span.span_id
    return (
        len(trace_id) == _TRACE_ID_BYTES
        and len(span_id) == _SPAN_ID_BYTES
        and trace_id != _NO_TRACE_ID
        and span_id != _NO_SPAN_ID
    )


def _parsed(payload: bytes) -> ExportTraceServiceRequest:
    try:
        request = ExportTraceServiceRequest.FromString(payload)
    except DecodeError as error:
        raise MalformedOtlpError(
            f"the {len(payload)} bytes are not an ExportTraceServiceRequest; "
            "send protobuf as OTLP defines it"
        ) from error
    _check_number(
        sum(
            len(scope_spans.spans)
            for resource_spans in request.resource_spans
            for scope_spans in resource_spans.scope_spans
        )
    )
    return request


def _check_number(spans: int) -> None:
    if spans > MAX_SPANS:
        raise TooManySpansError(
            f"over {MAX_SPANS} spans in one request, at most {MAX_SPANS} are taken; "
            "send smaller batches"
        )


def _plain(
    span: Span,
    scope_name: str,
    scope_version: str,
    resource: Mapping[str, object],
    counts: Counter[str],
) -> PlainSpan:
    attributes, shortened = _attributes(span.attributes, counts)
    status = span.status
    return PlainSpan(  # by place, as its fields stand: by name it takes half as long again
        span.trace_id,
        int.from_bytes(span.span_id, "big"),
        _parent(span.parent_span_id, counts),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _cut(span.name, MAX_NAME_CHARACTERS, "names_shortened", counts),
        span.kind,
        status.code,
        _cut(status.message, MAX_VALUE_CHARACTERS, "values_shortened", counts),
        attributes,
        _events(span, counts),
        _links(span, counts),
        scope_name,
        scope_version,
        resource,
        tuple(shortened),
    )


def _parent(value: bytes, counts: Counter[str]) -> int | None:
    if len(value) not in {0, _SPAN_ID_BYTES}:
        counts["parent_span_id"] += 1
        return None
    return int.from_bytes(value, "big") or None


def _events(span: Span, counts: Counter[str]) -> tuple[PlainEvent, ...]:
    if not span.events:
        return ()
    if len(span.events) > MAX_EVENTS:
        counts["events_over_limit"] += len(span.events) - MAX_EVENTS
    return tuple(
        PlainEvent(
            time_ns=event.time_unix_nano,
            name=_cut(event.name, MAX_NAME_CHARACTERS, "names_shortened", counts),
            attributes=_attributes(event.attributes, counts)[0],
        )
        for event in span.events[:MAX_EVENTS]
    )


def _links(span: Span, counts: Counter[str]) -> tuple[PlainLink, ...]:
    if not span.links:
        return ()
    if len(span.links) > MAX_LINKS:
        counts["links_over_limit"] += len(span.links) - MAX_LINKS
    return tuple(
        PlainLink(
            trace_id=link.trace_id,
            span_id=int.from_bytes(link.span_id, "big"),
            attributes=_attributes(link.attributes, counts)[0],
        )
        for link in span.links[:MAX_LINKS]
        if len(link.trace_id) == _TRACE_ID_BYTES and len(link.span_id) == _SPAN_ID_BYTES
    )


def _cut(text: str, limit: int, reason: str, counts: Counter[str]) -> str:
    if len(text) <= limit:
        return text
    counts[reason] += 1
    return text[:limit]


def _attributes(
    pairs: Collection[KeyValue], counts: Counter[str]
) -> tuple[dict[str, object], list[str]]:
    """Return the attributes (of twins the last) and the names of those that were cut.

    Nearly always all are within the limits; where any is not, they are taken one by one.
    """
    values: dict[str, object] = {}
    for pair in pairs:
        told = pair.value
        # Most are text, and most others numbers: the shortest way for all of them.
        value = told.string_value
        if not value:
            value = told.int_value or told.double_value or _value(told)
        if isinstance(value, str) and len(value) > MAX_VALUE_CHARACTERS:
            return _bounded(pairs, counts)
        values[pair.key] = value
    if len(pairs) > MAX_ATTRIBUTES or not _are_sound(values):
        return _bounded(pairs, counts)
    return values, []


def _are_sound(names: Collection[str]) -> bool:
    """Say whether no name is empty or too long; those that were seen before are known to be."""
    if _sound_names.issuperset(names):
        return True
    if not all(0 < len(name) <= MAX_KEY_CHARACTERS for name in names):
        return False
    if len(_sound_names) < _MAX_REMEMBERED:
        _sound_names.update(names)
    return True


def _bounded(
    pairs: Collection[KeyValue], counts: Counter[str]
) -> tuple[dict[str, object], list[str]]:
    values: dict[str, object] = {}
    shortened: list[str] = []
    for pair in pairs:
        key = pair.key
        if len(values) >= MAX_ATTRIBUTES or not 0 < len(key) <= MAX_KEY_CHARACTERS:
            counts["attributes_over_limit"] += 1
            continue
        value = _value(pair.value)
        if isinstance(value, str) and len(value) > MAX_VALUE_CHARACTERS:
            limit = MAX_BODY_CHARACTERS if key in _BODIES else MAX_VALUE_CHARACTERS
            if len(value) > limit:
                value = value[:limit]
                shortened.append(key)
                counts["values_shortened"] += 1
        values[key] = value
    return values, shortened


def _value(value: AnyValue) -> object:
    """Return a value in Python's types; protobuf itself bounds how deep it nests."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _value(pair.value) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode("ascii")
    return getattr(value, kind)
