"""Broken text costs its characters, not its batch; what is wrong otherwise stays wrong."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace.otlp.decode import MalformedOtlpError, decode
from llmtrace.otlp.json_request import request_from_json
from llmtrace.otlp.mended import mended, mended_json
from tests.otlp.otlp_requests import failed, pairs, request, span
from tests.otlp.test_json_request import request as json_request

MARK = "MARK"
"""As long as what is put in its place, for lengths are part of the bytes."""
BROKEN = b"\xff\xc3\x28\xfe"
REPLACED = "\ufffd\ufffd(\ufffd"


def with_marks_everywhere() -> bytes:
    attributes = {MARK: MARK, "list": ["a", MARK, {"deep": [MARK]}], "number": 7, "é": "密"}
    spans = [
        span(1, {"well": "as it is"}),
        span(2, attributes, name=MARK, status=failed(MARK), trace_state=MARK),
        span(3, events=[{"name": MARK, "attributes": pairs(attributes)}]),
        span(4, links=[{"attributes": pairs(attributes)}]),
    ]
    return request(*spans, resource={"service.name": MARK}, scope=MARK)


def test_the_texts_that_are_broken_are_replaced_and_all_else_is_as_it_was() -> None:
    payload = with_marks_everywhere()
    broken = payload.replace(MARK.encode(), BROKEN)
    with pytest.raises(MalformedOtlpError):
        decode(broken)

    found = mended(broken)

    assert found is not None
    expected = ExportTraceServiceRequest.FromString(payload)
    text = str(expected).replace(MARK, REPLACED)
    assert str(ExportTraceServiceRequest.FromString(found.payload)) == text
    assert found.replaced == 3 * payload.count(MARK.encode())


def test_a_character_that_was_sent_as_one_is_not_counted() -> None:
    payload = request(span(1, {"a": f"\ufffd {MARK}"}))

    found = mended(payload.replace(MARK.encode(), BROKEN))

    assert found is not None
    assert found.replaced == 3
    assert decode(found.payload).spans[0].attributes["a"] == f"\ufffd {REPLACED}"


def test_what_is_well_is_not_mended() -> None:
    assert mended(with_marks_everywhere()) is None


@pytest.mark.parametrize("seed", range(20))
def test_whatever_else_is_wrong_stays_wrong(seed: int) -> None:
    # given: broken text and a few other bytes that were changed
    chance = random.Random(seed)
    data = bytearray(with_marks_everywhere().replace(MARK.encode(), BROKEN))
    for _ in range(3):
        data[chance.randrange(len(data))] = chance.randrange(256)

    found = mended(bytes(data))

    # then: it can be read, or it was given up
    if found is not None:
        assert ExportTraceServiceRequest.FromString(found.payload).ByteSize() > 0


@given(st.binary(max_size=200))
def test_any_bytes_end(data: bytes) -> None:
    found = mended(data)

    assert found is None or found.replaced > 0


def test_texts_in_one_another_without_end_are_given_up() -> None:
    value = b"\x0a\x01\xff"
    for _ in range(5_000):
        inner = b"\x0a" + bytes([len(value) & 127 | 128, len(value) >> 7 & 127 | 128,
                                 len(value) >> 14]) + value  # fmt: skip
        value = b"\x2a" + bytes([len(inner) & 127 | 128, len(inner) >> 7 & 127 | 128,
                                 len(inner) >> 14]) + inner  # fmt: skip

    assert mended(value) is None


def test_json_with_bytes_that_are_no_text_is_read_with_replacements() -> None:
    body = json.dumps(json_request(attributes=[attribute(MARK)])).encode()

    found = mended_json(body.replace(MARK.encode(), BROKEN))

    assert found is not None
    (plain,) = decode(request_from_json(found.payload)).spans
    assert (plain.attributes["text"], found.replaced) == (REPLACED, 3)


def test_half_of_a_surrogate_pair_is_replaced_and_a_whole_one_stays() -> None:
    body = json.dumps(json_request(attributes=[attribute(f"\U0001f642 cut: {MARK}")])).encode()

    found = mended_json(body.replace(MARK.encode(), rb"\\ud83d \ud83d"))

    assert found is not None
    (plain,) = decode(request_from_json(found.payload)).spans
    assert plain.attributes["text"] == "\U0001f642 cut: \\ud83d \ufffd"
    assert found.replaced == 1


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b'{"resourceSpans": []}'])
def test_json_that_is_none_or_is_well_is_not_mended(body: bytes) -> None:
    assert mended_json(body) is None


def attribute(text: str) -> dict[str, object]:
    return {"key": "text", "value": {"stringValue": text}}
