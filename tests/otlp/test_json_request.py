"""OTLP/JSON means the same as protobuf, and whatever is not OTLP is refused with a reason."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace.otlp.decode import MAX_SPANS, MalformedOtlpError, TooManySpansError, decode
from llmtrace.otlp.json_request import request_from_json

TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


def request(**span: Any) -> dict[str, Any]:
    plain = {
        "traceId": TRACE, "spanId": SPAN, "parentSpanId": "eee19b7ec3c1b173", "name": "chat m",
        "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": "1544712661000000000",
        "kind": 3, "attributes": [
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "12"}},
            {"key": "gen_ai.request.temperature", "value": {"doubleValue": 0.5}},
        ],
    }  # fmt: skip
    return {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]
                },
                "scopeSpans": [{"scope": {"name": "lib"}, "spans": [{**plain, **span}]}],
            }
        ]
    }


def converted(content: Any) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(request_from_json(json.dumps(content).encode()))


def test_a_span_comes_out_as_protobuf_says_it() -> None:
    (span,) = decode(request_from_json(json.dumps(request()).encode())).spans

    assert span.trace_id == bytes.fromhex(TRACE)
    assert span.span_id == int(SPAN, 16)
    assert span.parent_span_id == 0xEEE19B7EC3C1B173
    assert span.start_ns == 1544712660000000000
    assert span.attributes == {
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.request.temperature": 0.5,
    }
    assert (span.scope_name, span.resource) == ("lib", {"service.name": "s"})


def test_ids_of_links_are_hex_too() -> None:
    made = converted(request(links=[{"traceId": TRACE, "spanId": SPAN}]))

    (link,) = made.resource_spans[0].scope_spans[0].spans[0].links
    assert (link.trace_id.hex(), link.span_id.hex()) == (TRACE, SPAN)


def test_the_names_of_the_proto_file_are_read_too() -> None:
    made = converted(
        {"resource_spans": [{"scope_spans": [{"spans": [{"trace_id": TRACE, "span_id": SPAN}]}]}]}
    )

    assert made.resource_spans[0].scope_spans[0].spans[0].trace_id.hex() == TRACE


def test_fields_of_a_later_version_are_ignored() -> None:
    made = converted({**request(colour="blue"), "somethingNew": {"a": 1}})

    assert made.resource_spans[0].scope_spans[0].spans[0].name == "chat m"


def test_an_empty_request_is_one() -> None:
    assert request_from_json(b"{}") == b""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "resourceSpans"),
        (b'{"resourceSpans": 3}', "not an ExportTraceServiceRequest"),
        (json.dumps(request(traceId="zz")).encode(), "traceId 'zz' is not hex"),
        (json.dumps(request(spanId=17)).encode(), "spanId '17' is not hex"),
        (json.dumps(request(startTimeUnixNano="soon")).encode(), "ExportTraceServiceRequest"),
        (
            json.dumps(
                request(attributes=[{"key": "a", "value": {"intValue": "9223372036854775808"}}])
            ).encode(),
            "out of range: 9223372036854775808",
        ),
        (b'{"resourceSpans":' + b"[" * 100_000, "not JSON"),
        (
            json.dumps(
                request(attributes=[{"key": "a", "value": json.loads(
                    '{"arrayValue":{"values":[' * 120 + "{}" + "]}}" * 120
                )}])
            ).encode(),
            "ExportTraceServiceRequest",
        ),
    ],
)  # fmt: skip
def test_what_is_not_otlp_is_refused_with_the_reason(body: bytes, words: str) -> None:
    with pytest.raises(MalformedOtlpError, match=words):
        request_from_json(body)


def test_the_reason_of_a_refusal_is_short_whatever_was_sent() -> None:
    body = json.dumps(request(traceState="x" * 5_000, startTimeUnixNano="y" * 5_000)).encode()

    with pytest.raises(MalformedOtlpError) as caught:
        request_from_json(body)

    assert len(str(caught.value)) < 500


def test_too_many_spans_are_refused() -> None:
    spans = [{}] * (MAX_SPANS + 1)

    with pytest.raises(TooManySpansError):
        request_from_json(
            json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
        )


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), st.text(max_size=20))
def test_json_and_protobuf_are_the_same_request(trace: bytes, span: bytes, name: str) -> None:
    made = ExportTraceServiceRequest()
    one = made.resource_spans.add().scope_spans.add().spans.add()
    one.trace_id, one.span_id = trace, span
    one.name = name.encode("utf-8", "replace").decode()
    content = json_format.MessageToDict(made)
    as_json = content["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    for key in ("traceId", "spanId"):
        as_json[key] = base64.b64decode(as_json[key]).hex()

    assert converted(content) == made


@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda inner: st.lists(
    inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["resourceSpans", "scopeSpans", "spans", "traceId", "links", "attributes", "value"]),
        inner, max_size=3), max_leaves=10))  # fmt: skip
def test_whatever_json_comes_it_is_taken_or_refused(content: Any) -> None:
    with contextlib.suppress(MalformedOtlpError):
        decode(request_from_json(json.dumps(content).encode()))
