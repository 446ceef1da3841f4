"""Chunks of a Gemini stream become one answer, and an answer becomes chunks again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.recordings.exchanges import EXCHANGES, recorded
from llmtrace import semconv, wire
from llmtrace.wire.gemini_stream import looks_streamed, parse_events
from tests.wire.recorded import needs_recordings

API = semconv.API_GEMINI_GENERATE


def sse(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks)


def chunk(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], **more}


def test_texts_are_joined_thoughts_to_thoughts_and_a_seal_ends_a_part() -> None:
    stream = sse(
        chunk({"text": "Let ", "thought": True}),
        chunk({"text": "me see.", "thought": True}),
        chunk({"text": "On "}),
        chunk({"text": "its way.", "thoughtSignature": "seal"}),
        chunk({"text": " Bye"}, finish="STOP"),
    )

    merged = wire.merge_stream(API, stream)

    assert merged.body["candidates"][0]["content"]["parts"] == [  # type: ignore[index]  # as asserted
        {"text": "Let me see.", "thought": True},
        {"text": "On its way.", "thoughtSignature": "seal"},
        {"text": " Bye"},
    ]
    assert merged.fields.is_complete
    assert merged.fields.finish_reasons == ("STOP",)


def test_the_last_word_of_each_count_wins() -> None:
    first = {"promptTokenCount": 15, "totalTokenCount": 15, "serviceTier": "standard"}
    last = {"promptTokenCount": 13, "candidatesTokenCount": 8, "totalTokenCount": 21}

    merged = wire.merge_stream(
        API,
        sse(chunk({"text": "a"}, usageMetadata=first), chunk(finish="STOP", usageMetadata=last)),
    )

    assert merged.fields.usage == {"serviceTier": "standard", **last}
    assert merged.usage_events == 2


def test_candidates_are_told_apart_by_their_index() -> None:
    def of(index: int, text: str, finish: str) -> dict[str, Any]:
        found = chunk({"text": text}, finish=finish)
        found["candidates"][0]["index"] = index
        return found

    merged = wire.merge_stream(API, sse(of(1, "second", "MAX_TOKENS"), of(0, "first", "STOP")))

    assert merged.fields.finish_reasons == ("STOP", "MAX_TOKENS")


def test_arguments_that_come_in_pieces_are_put_together() -> None:
    begun = {"name": "f", "id": "1", "willContinue": True}
    one = {"partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}], "willContinue": True}
    two = {"partialArgs": [{"jsonPath": "$.b", "numberValue": 2}]}

    merged = wire.merge_stream(
        API,
        sse(*(chunk({"functionCall": call}) for call in (begun, one, two)), chunk(finish="STOP")),
    )

    (message,) = wire.output_messages(API, merged.body)
    (call,) = message.parts
    assert call["name"] == "f"
    assert call["arguments"] == [*one["partialArgs"], *two["partialArgs"]]


def test_a_cut_stream_gives_what_had_arrived() -> None:
    whole = sse(chunk({"text": "On its"}), chunk({"text": " way."}, finish="STOP"))

    merged = wire.merge_stream(API, whole[:-30])

    assert not merged.fields.is_complete
    assert merged.fields.output_text_chars == 6


def test_an_error_inside_a_stream_is_named() -> None:
    error = {"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}}

    merged = wire.merge_stream(API, sse(chunk({"text": "On"}), error))

    assert (merged.fields.error_type, merged.fields.error_message) == ("UNAVAILABLE", "Overloaded.")


def test_a_blocked_prompt_is_complete() -> None:
    merged = wire.merge_stream(API, sse({"promptFeedback": {"blockReason": "SAFETY"}}))

    assert merged.fields.is_complete
    assert merged.fields.finish_reasons == ("SAFETY",)


def test_an_array_is_a_stream_too_also_if_it_is_cut() -> None:
    chunks = [chunk({"text": "On its"}), chunk({"text": " way."}, finish="STOP")]
    data = json.dumps(chunks, indent=1).encode()

    assert looks_streamed(data)
    assert wire.merge_stream(API, data).fields.is_complete
    assert len(parse_events(data[:-10])) == 1
    assert not looks_streamed(b'{"candidates": []}')


@pytest.mark.parametrize(
    "body",
    [
        {"candidates": []},
        {"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1}},
        {"promptFeedback": {"blockReason": "SAFETY"}},
        {
            "candidates": [
                {
                    "content": {"parts": [{"text": ""}], "role": "model"},
                    "finishReason": "STOP",
                    "index": 0,
                },
                {
                    "content": {"parts": [{"text": "b" * 60, "thoughtSignature": "s"}]},
                    "index": 1,
                },
            ],
            "modelVersion": "m",
        },
        {"error": {"code": 500, "status": "INTERNAL", "message": "no"}},
    ],
)
def test_an_answer_taken_apart_is_put_together_again(body: dict[str, Any]) -> None:
    again = wire.merge_stream(API, b"".join(wire.synthesize_stream(API, body, include_usage=True)))

    assert again.body == ({} if body == {"candidates": []} else body)


@needs_recordings
def test_recorded_streams_survive_being_taken_apart_and_their_usage_is_what_was_sent() -> None:
    rows = [
        row
        for row in recorded(EXCHANGES)
        if row["endpoint"] in {":streamGenerateContent", ":generateContent"}
        and row["stream"]
        and row["status"] == 200
    ]

    for row in rows:
        merged = wire.merge_stream(API, row["response_body"].encode())
        pieces = wire.synthesize_stream(API, merged.body, include_usage=True)
        assert wire.merge_stream(API, b"".join(pieces)).body == merged.body, row["id"]
        assert merged.fields.usage == row["truth"]["usage"], row["id"]
        assert merged.fields.is_complete, row["id"]
    assert len(rows) > 30
