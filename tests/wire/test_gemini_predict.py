"""``:predict``: pictures are counted and not kept, older embeddings add up their tokens."""

from __future__ import annotations

import pytest

from llmtrace import semconv, wire

API = semconv.API_GEMINI_PREDICT
DRAWN = {"mimeType": "image/png", "bytesBase64Encoded": "aGVsbG8="}


def test_a_request_for_pictures_is_read() -> None:
    body = {
        "instances": [
            {
                "prompt": "a cat",
                "image": {"bytesBase64Encoded": "aGk=", "mimeType": "image/png"},
                "referenceImages": [{"referenceImage": {"gcsUri": "gs://b/r.png"}}],
            }
        ],
        "parameters": {"sampleCount": 3, "seed": 5},
    }

    fields = wire.request_fields(API, body)
    ((message,), system) = wire.input_messages(API, body)

    assert (fields.choice_count, fields.seed, system) == (3, 5, [])
    assert [part["type"] for part in message.parts] == ["text", "blob", "uri"]


def test_pictures_are_counted_and_give_way_to_their_size() -> None:
    fields = wire.response_fields(API, {"predictions": [DRAWN, DRAWN, {"raiFilteredReason": "x"}]})
    kept = wire.strip_vectors_json(API, b'{"predictions":[{"bytesBase64Encoded": "aGVsbG8="}]}')

    assert fields.usage == {"images": 2}
    assert kept == b'{"predictions":[{"bytesBase64Encoded":{"bytes":5}}]}'


def test_a_picture_whose_bytes_are_gone_is_still_one() -> None:
    body = {"predictions": [{**DRAWN, "bytesBase64Encoded": {"bytes": 5}}]}

    (message,) = wire.output_messages(API, body)

    assert wire.response_fields(API, body).usage == {"images": 1}
    assert message.parts == ({"type": "blob", "modality": "image", "bytes": 5},)


def test_embeddings_add_up_their_tokens() -> None:
    one = {"embeddings": {"values": [0.1, 0.2], "statistics": {"token_count": 3.0}}}
    body = {"predictions": [one, one], "metadata": {"billableCharacterCount": 9}}

    assert wire.response_fields(API, body).usage == {"billableCharacterCount": 9, "tokenCount": 6}
    stripped = wire.strip_vectors(API, body)
    assert stripped["predictions"][0]["embeddings"]["values"]["dimensions"] == 2  # type: ignore[index]  # as sent
    assert wire.strip_vectors(API, {"predictions": [DRAWN]}) == {"predictions": [DRAWN]}


def test_an_operation_is_an_answer_without_usage() -> None:
    fields = wire.response_fields(API, {"name": "models/veo/operations/1"})

    assert (fields.id, fields.usage) == ("models/veo/operations/1", None)


def test_there_are_no_streams() -> None:
    assert wire.merge_stream(API, b"data: {}\n\n").problem
    with pytest.raises(ValueError, match="no streams"):
        wire.synthesize_stream(API, {}, include_usage=True)
