"""Google's embeddings: what was asked, what it cost; vectors are not kept."""

from __future__ import annotations

import pytest

from llmtrace import semconv, wire

API = semconv.API_GEMINI_EMBED
MANY = {
    "requests": [
        {"model": "models/e", "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8},
        {"model": "models/e", "content": {"parts": [{"text": "b"}]}},
    ]
}


def test_one_request_and_many_are_read() -> None:
    one = {"content": {"parts": [{"text": "a"}]}, "embedContentConfig": {"outputDimensionality": 4}}

    assert (wire.request_fields(API, MANY).model, wire.request_fields(API, MANY).dimensions) == (
        "e",
        8,
    )
    assert wire.request_fields(API, one).dimensions == 4
    assert [m.parts[0]["content"] for m in wire.input_messages(API, MANY)[0]] == ["a", "b"]
    assert [m.parts[0]["content"] for m in wire.input_messages(API, one)[0]] == ["a"]


def test_usage_and_errors_are_read() -> None:
    usage = {"promptTokenCount": 7}

    assert wire.response_fields(API, {"embeddings": [], "usageMetadata": usage}).usage == usage
    assert wire.response_fields(API, {"error": {"status": "NOT_FOUND"}}).error_type == "NOT_FOUND"
    assert wire.output_messages(API, {"embedding": {"values": [1.0]}}) == []


def test_vectors_are_replaced_by_their_size_parsed_or_not() -> None:
    size = {"dimensions": 2, "encoding": "float"}
    body = {"embedding": {"values": [0.5, -1e-3]}, "embeddings": [{"values": [1, 2]}, {"x": 1}]}

    assert wire.strip_vectors(API, body) == {
        "embedding": {"values": size},
        "embeddings": [{"values": size}, {"x": 1}],
    }
    assert wire.strip_vectors_json(API, b'{"values": [0.5, -1e-3]}') == (
        b'{"values":{"dimensions":2,"encoding":"float"}}'
    )
    assert b'"dimensions":0' in wire.strip_vectors_json(API, b'{"values":[ ]}')


def test_there_are_no_streams() -> None:
    assert wire.merge_stream(API, b"data: {}\n\n").problem
    with pytest.raises(ValueError, match="no streams"):
        wire.synthesize_stream(API, {}, include_usage=True)
