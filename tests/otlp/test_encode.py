"""Our hand-written OTLP bytes, read by the official classes: exactly what went in."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace.otlp.decode import decode
from llmtrace.otlp.encode import FinishedSpan, SpanEvent, SpanLink, encode_request

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

bounded = settings(deadline=None, derandomize=True, max_examples=100)

WHOLE = FinishedSpan(
    trace_id=0x0123456789ABCDEF0123456789ABCDEF,
    span_id=0x00000000000000FE,
    parent_span_id=0xFE00000000000000,
    name="chat gpt-4o-mini",
    kind="client",
    start_unix_ns=1_767_225_600_000_000_001,
    end_unix_ns=1_767_225_601_000_000_002,
    attributes={"text": "Grüße 🌍", "flag": True, "count": 3, "ratio": 0.5, "list": ["a", "b"]},
    events=[SpanEvent(name="llmtrace.retry", time_unix_ns=7, attributes={"code": 429})],
    status="error",
    status_message="too many",
)


def parsed(*spans: FinishedSpan, resource: dict[str, object] | None = None) -> Any:
    """Encode, then parse with the official class."""
    return ExportTraceServiceRequest.FromString(
        encode_request(resource or {}, "llmtrace", "1.2.3", spans)
    )


def only(request: Any) -> Any:
    """Return the only span of a request."""
    ((((span,),),),) = (
        [[list(scope.spans) for scope in one.scope_spans] for one in request.resource_spans],
    )
    return span


def plain(value: AnyValue) -> Any:
    """Return an official value as a Python one."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: plain(pair.value) for pair in value.kvlist_value.values}
    return getattr(value, kind) if kind else None


def carried(value: object) -> Any:
    """Return what arrives of an attribute's value; raise KeyError if nothing does."""
    span = only(parsed(minimal(attributes={"key": value})))
    return {pair.key: plain(pair.value) for pair in span.attributes}["key"]


def minimal(**more: Any) -> FinishedSpan:
    """Return a span with as little as there can be."""
    return FinishedSpan(
        **{
            "trace_id": 1,
            "span_id": 2,
            "parent_span_id": None,
            "name": "n",
            "kind": "internal",
            "start_unix_ns": 3,
            "end_unix_ns": 4,
            "attributes": {},
            **more,
        }
    )


def test_a_whole_span_arrives_whole() -> None:
    request = parsed(WHOLE, resource={"service.name": "shop", "process.pid": 7})

    (resource,) = request.resource_spans
    (scope,) = resource.scope_spans
    span = only(request)
    assert {p.key: plain(p.value) for p in resource.resource.attributes} == {
        "service.name": "shop",
        "process.pid": 7,
    }
    assert (scope.scope.name, scope.scope.version) == ("llmtrace", "1.2.3")
    assert span.trace_id.hex() == "0123456789abcdef0123456789abcdef"
    assert span.span_id.hex() == "00000000000000fe"
    assert span.parent_span_id.hex() == "fe00000000000000"
    assert (span.name, span.kind) == ("chat gpt-4o-mini", 3)
    assert span.start_time_unix_nano == 1_767_225_600_000_000_001
    assert span.end_time_unix_nano == 1_767_225_601_000_000_002
    assert {p.key: plain(p.value) for p in span.attributes} == WHOLE.attributes
    assert [(e.name, e.time_unix_nano) for e in span.events] == [("llmtrace.retry", 7)]
    assert {p.key: plain(p.value) for p in span.events[0].attributes} == {"code": 429}
    assert (span.status.code, span.status.message) == (2, "too many")
    assert span.flags == 0x101


def test_the_bytes_are_those_of_the_official_encoder() -> None:
    ours = encode_request({"service.name": "shop"}, "llmtrace", "1.2.3", [WHOLE])

    again = ExportTraceServiceRequest.FromString(ours).SerializeToString(deterministic=True)

    assert ours == again


def test_a_root_span_has_no_parent_and_an_unset_status_is_left_out() -> None:
    span = only(parsed(minimal()))

    assert span.parent_span_id == b""
    assert not span.HasField("status")


def test_many_spans_keep_their_order() -> None:
    request = parsed(*(minimal(name=f"span {number}") for number in range(300)))

    names = [span.name for span in request.resource_spans[0].scope_spans[0].spans]
    assert names == [f"span {number}" for number in range(300)]


def test_no_spans_are_a_valid_request() -> None:
    assert list(parsed().resource_spans[0].scope_spans[0].spans) == []


@pytest.mark.parametrize(
    "value",
    [0, 1, -1, 127, 128, 2**63 - 1, -(2**63), True, False, 0.0, -0.0, 1e308, "", "x", b"\x00\xff"],
)
def test_a_value_arrives_with_its_type(value: object) -> None:
    found = carried(value)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**40])
def test_an_integer_that_does_not_fit_arrives_as_text(value: int) -> None:
    assert carried(value) == str(value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_floats_that_are_no_numbers_arrive_bit_for_bit(value: float) -> None:
    assert struct.pack("<d", carried(value)) == struct.pack("<d", value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("half \ud800 pair", "half \ufffd pair"),
        ("\udc00", "\ufffd"),
        ("whole \ud83c\udf0d pair", "whole 🌍 pair"),
        ("nul \x00 inside", "nul \x00 inside"),
    ],
)
def test_text_that_utf8_cannot_hold_is_mended(value: str, found: str) -> None:
    assert carried(value) == found


def test_a_name_and_a_key_that_utf8_cannot_hold_are_mended() -> None:
    span = only(parsed(minimal(name="\ud800", attributes={"\ud800": 1}, status="error",
                               status_message="\ud800")))  # fmt: skip

    assert span.name == "\ufffd"
    assert span.attributes[0].key == "\ufffd"
    assert span.status.message == "\ufffd"


@pytest.mark.parametrize("value", [None, object(), {1, 2}, 1j])
def test_what_has_no_place_in_otlp_is_left_out(value: object) -> None:
    with pytest.raises(KeyError):
        carried(value)


def test_nested_values_arrive_nested() -> None:
    value = {"a": [1, "two", [3.0, {"b": True}]], "c": {}}

    assert carried(value) == value


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(
        st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@bounded
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=6))
def test_any_attributes_arrive_as_they_are(attributes: dict[str, object]) -> None:
    span = only(parsed(minimal(attributes=attributes)))

    assert {pair.key: plain(pair.value) for pair in span.attributes} == attributes


@bounded
@given(
    trace_id=st.integers(1, 2**128 - 1),
    span_id=st.integers(1, 2**64 - 1),
    parent=st.none() | st.integers(1, 2**64 - 1),
    start=st.integers(0, 2**64 - 1),
    text=st.text(),
)
def test_any_ids_times_and_text_parse(
    trace_id: int, span_id: int, parent: int | None, start: int, text: str
) -> None:
    span = only(
        parsed(
            minimal(
                trace_id=trace_id,
                span_id=span_id,
                parent_span_id=parent,
                start_unix_ns=start,
                name=text,
                attributes={text: text},
            )
        )
    )

    assert int.from_bytes(span.trace_id) == trace_id
    assert int.from_bytes(span.span_id) == span_id
    assert int.from_bytes(span.parent_span_id) == (parent or 0)
    assert span.start_time_unix_nano == start
    assert "\ud800" not in span.name


def test_links_arrive_with_their_attributes() -> None:
    links = (
        SpanLink(trace_id=2**128 - 1, span_id=2**64 - 1, attributes={"llmtrace.batch.id": "b"}),
        SpanLink(trace_id=1, span_id=2),
    )
    payload = encode_request({}, "llmtrace", "1.2.3", [minimal(links=links)])

    arrived = only(ExportTraceServiceRequest.FromString(payload)).links

    assert [(link.trace_id.hex(), link.span_id.hex()) for link in arrived] == [
        ("f" * 32, "f" * 16),
        ("0" * 31 + "1", "0" * 15 + "2"),
    ]
    assert {pair.key: plain(pair.value) for pair in arrived[0].attributes} == {
        "llmtrace.batch.id": "b"
    }
    (span,) = decode(payload).spans
    assert [link.span_id for link in span.links] == [2**64 - 1, 2]
