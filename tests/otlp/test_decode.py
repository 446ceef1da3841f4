"""OTLP bytes → plain spans: all there is comes out, nothing a stranger sends does harm."""

from __future__ import annotations

import random
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from llmtrace import semconv
from llmtrace.otlp import decode as decode_module
from llmtrace.otlp.decode import (
    MAX_ATTRIBUTES,
    MAX_BODY_CHARACTERS,
    MAX_EVENTS,
    MAX_LINKS,
    MAX_NAME_CHARACTERS,
    MAX_SPANS,
    MAX_VALUE_CHARACTERS,
    Checked,
    MalformedOtlpError,
    PlainSpan,
    TooManySpansError,
    check,
    decode,
)
from tests.otlp.otlp_requests import START_NS, failed, pairs, request, span


def only_span(payload: bytes) -> PlainSpan:
    (plain,) = decode(payload).spans
    return plain


def test_a_span_comes_out_with_all_that_was_sent() -> None:
    sent = span(
        7,
        {"text": "a", "number": 3},
        trace=9,
        parent_span_id=(6).to_bytes(8, "big"),
        status=failed("rate limited"),
    )

    plain = only_span(request(sent, resource={"service.name": "shop"}, scope="my.scope"))

    assert plain == PlainSpan(
        trace_id=(9).to_bytes(16, "big"),
        span_id=7,
        parent_span_id=6,
        start_ns=START_NS,
        end_ns=START_NS + 250_000_000,
        name="chat gpt-5",
        kind=3,
        status=2,
        status_message="rate limited",
        attributes={"text": "a", "number": 3},
        events=(),
        links=(),
        scope_name="my.scope",
        scope_version="",
        resource={"service.name": "shop"},
        shortened=(),
    )


def test_every_kind_of_value_becomes_its_python_value() -> None:
    values = {
        "text": "ü\x00🙂",
        "yes": True,
        "int": -(2**63),
        "double": 0.1,
        "list": ["a", 1, [True]],
        "map": {"inner": {"deep": 1.5}},
        "nothing": None,
    }

    plain = only_span(request(span(attributes={**values, "bytes": b"\x00\xff"})))

    assert plain.attributes == {**values, "bytes": "AP8="}


def test_events_and_links_are_kept() -> None:
    event = Span.Event(time_unix_nano=5, name="exception", attributes=pairs({"a": "b"}))
    link = Span.Link(trace_id=b"t" * 16, span_id=b"s" * 8, attributes=pairs({"c": 1}))

    plain = only_span(request(span(events=[event], links=[link])))

    assert [(item.time_ns, item.name, item.attributes) for item in plain.events] == [
        (5, "exception", {"a": "b"})
    ]
    assert [(item.trace_id, item.attributes) for item in plain.links] == [(b"t" * 16, {"c": 1})]


@pytest.mark.parametrize(
    "ids",
    [
        {"trace_id": bytes(16)},
        {"span_id": bytes(8)},
        {"trace_id": b""},
        {"span_id": b"short"},
        {"trace_id": b"t" * 17},
    ],
)
def test_a_span_without_valid_ids_is_rejected_and_its_neighbour_kept(ids: dict[str, Any]) -> None:
    payload = request(span(1, **ids), span(2))

    decoded = decode(payload)

    assert [plain.span_id for plain in decoded.spans] == [2]
    assert decoded.rejected == 1
    assert check(payload) == Checked(spans=2, rejected=1)


def test_a_parent_id_of_the_wrong_length_is_unknown_and_counted() -> None:
    decoded = decode(request(span(parent_span_id=b"abc")))

    assert decoded.spans[0].parent_span_id is None
    assert decoded.counts == {"parent_span_id": 1}


@pytest.mark.parametrize("payload", [b"\xff", b"not protobuf", request(span())[:-3]])
def test_bytes_that_are_no_request_are_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedOtlpError, match="send protobuf as OTLP defines it"):
        decode(payload)


def test_no_bytes_are_a_request_without_spans() -> None:
    assert decode(b"").spans == []


def test_random_bytes_and_flipped_bits_never_raise_anything_else() -> None:
    chance = random.Random(3)
    valid = request(span(1, {"a": [1, {"b": 2.5}]}), span(2))
    for _ in range(2_000):
        mutant = bytearray(valid)
        for _ in range(chance.randrange(1, 6)):
            mutant[chance.randrange(len(mutant))] = chance.randrange(256)
        try:
            decode(bytes(mutant))
        except MalformedOtlpError:
            continue


def test_too_many_spans_are_refused_with_the_limit() -> None:
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for _ in range(MAX_SPANS + 1):
        spans.add()

    with pytest.raises(TooManySpansError, match=f"at most {MAX_SPANS} are taken; send smaller"):
        check(message.SerializeToString())


def test_too_many_spans_are_refused_before_they_are_built(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = b"\x12\x00"
    scope = b"\x12" + _varint(2 * 2_000_000) + empty * 2_000_000
    body = b"\x0a" + _varint(len(scope)) + scope
    monkeypatch.setattr(decode_module, "ExportTraceServiceRequest", None)

    with pytest.raises(TooManySpansError, match=f"over {MAX_SPANS} spans"):
        check(body)

    assert len(body) > 4_000_000


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def test_attributes_over_the_limit_are_left_out_and_counted() -> None:
    decoded = decode(request(span(attributes={f"k{n}": n for n in range(MAX_ATTRIBUTES + 5)})))

    assert len(decoded.spans[0].attributes) == MAX_ATTRIBUTES
    assert decoded.counts["attributes_over_limit"] == 5


@pytest.mark.parametrize("key", ["", "k" * 257])
def test_attributes_with_impossible_names_are_left_out_and_counted(key: str) -> None:
    decoded = decode(request(span(attributes={key: "x", "good": "y"})))

    assert decoded.spans[0].attributes == {"good": "y"}
    assert decoded.counts["attributes_over_limit"] == 1


def test_a_long_value_is_cut_and_named() -> None:
    decoded = decode(request(span(attributes={"long": "x" * (MAX_VALUE_CHARACTERS + 1)})))

    assert decoded.spans[0].attributes == {"long": "x" * MAX_VALUE_CHARACTERS}
    assert decoded.spans[0].shortened == ("long",)
    assert decoded.counts["values_shortened"] == 1


def test_a_body_may_be_longer_but_not_endless() -> None:
    kept = "x" * (MAX_VALUE_CHARACTERS + 1)
    cut = "y" * (MAX_BODY_CHARACTERS + 1)

    plain = only_span(
        request(span(attributes={semconv.REQUEST_BODY: kept, semconv.RESPONSE_BODY: cut}))
    )

    assert plain.attributes[semconv.REQUEST_BODY] == kept
    assert plain.attributes[semconv.RESPONSE_BODY] == cut[:-1]
    assert plain.shortened == (semconv.RESPONSE_BODY,)


def test_events_and_links_over_the_limit_are_left_out_and_counted() -> None:
    events = [Span.Event(name="e")] * (MAX_EVENTS + 2)
    links = [Span.Link(trace_id=b"t" * 16, span_id=b"s" * 8)] * (MAX_LINKS + 3)

    decoded = decode(request(span(events=events, links=links)))

    assert len(decoded.spans[0].events) == MAX_EVENTS
    assert len(decoded.spans[0].links) == MAX_LINKS
    assert decoded.counts == {"events_over_limit": 2, "links_over_limit": 3}


def test_names_and_messages_are_cut_too() -> None:
    long = "x" * (MAX_VALUE_CHARACTERS + 1)

    decoded = decode(
        request(
            span(name=long, status=failed(long), events=[Span.Event(name=long)]), scope="s" * 5_000
        )
    )

    (plain,) = decoded.spans
    assert plain.name == plain.events[0].name == long[:MAX_NAME_CHARACTERS]
    assert plain.scope_name == "s" * MAX_NAME_CHARACTERS
    assert plain.status_message == long[:-1]
    assert decoded.counts == {"names_shortened": 3, "values_shortened": 1}
