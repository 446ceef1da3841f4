"""Embeddings: what is asked, and that no vector is kept."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from llmtrace import wire

API = "openai.embeddings"


def _body(*vectors: object) -> dict[str, object]:
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    return {"object": "list", "data": data, "usage": {"prompt_tokens": 2, "total_tokens": 2}}


_BASE64 = base64.b64encode(struct.pack("<5f", *range(5))).decode()


@pytest.mark.parametrize(
    ("vector", "summary"),
    [
        ([0.1, -2e-05, 3], {"dimensions": 3, "encoding": "float"}),
        ([], {"dimensions": 0, "encoding": "float"}),
        (_BASE64, {"dimensions": 5, "encoding": "base64"}),
    ],
)
def test_a_vector_becomes_its_number_of_dimensions(
    vector: object, summary: dict[str, object]
) -> None:
    body = _body(vector)

    parsed = wire.strip_vectors(API, body)
    unparsed = json.loads(wire.strip_vectors_json(API, json.dumps(body).encode()))

    assert parsed == unparsed == _body(summary)


def test_a_text_that_looks_like_a_vector_is_left_alone() -> None:
    body = {"note": 'say "embedding": [1, 2] aloud', "data": []}

    stripped = wire.strip_vectors_json(API, json.dumps(body).encode())

    assert json.loads(stripped) == body


def test_bodies_of_other_apis_are_left_alone() -> None:
    body = _body([1.0])

    assert wire.strip_vectors("openai.chat", body) is body
    assert wire.strip_vectors_json("openai.chat", b'{"embedding":[1]}') == b'{"embedding":[1]}'


def test_each_input_is_a_message_of_the_user() -> None:
    messages, _ = wire.input_messages(API, {"input": ["a", "b"]})

    assert [m.parts[0] for m in messages] == [
        {"type": "text", "content": "a"},
        {"type": "text", "content": "b"},
    ]


def test_input_that_was_sent_as_tokens_is_told_by_its_number() -> None:
    one, _ = wire.input_messages(API, {"input": [1, 2, 3]})
    many, _ = wire.input_messages(API, {"input": [[1, 2], [3]]})

    assert [m.parts[0] for m in one] == [{"type": "tokens", "count": 3}]
    assert [m.parts[0]["count"] for m in many] == [2, 1]


def test_the_parameters_and_usage_are_read() -> None:
    asked = wire.request_fields(
        API, {"model": "e", "dimensions": 256, "encoding_format": "base64", "input": "a"}
    )
    answered = wire.response_fields(API, _body([1.0]))

    assert (asked.model, asked.dimensions, asked.encoding_format) == ("e", 256, "base64")
    assert answered.usage == {"prompt_tokens": 2, "total_tokens": 2}
