"""ConverseStream: events to the plain answer, and back."""

from __future__ import annotations

import json
from typing import Any

from llmtrace import wire
from llmtrace.wire.aws_eventstream import encode_message

API = "bedrock.converse"
USAGE = {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}


def stream(*events: tuple[str, dict[str, Any]]) -> bytes:
    """Return the frames of these events."""
    return b"".join(encode_message(name, json.dumps(event).encode()) for name, event in events)


def delta(index: int, **what: Any) -> tuple[str, dict[str, Any]]:
    """Return one piece of a block."""
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": what, "p": "abc"}


def test_a_stream_becomes_the_plain_answer() -> None:
    merged = wire.merge_stream(
        API,
        stream(
            ("messageStart", {"role": "assistant", "p": "ab"}),
            delta(0, reasoningContent={"text": "let "}),
            delta(0, reasoningContent={"text": "me"}),
            delta(0, reasoningContent={"signature": "sig"}),
            delta(1, text="Grü"),
            delta(1, text="ße"),
            (
                "contentBlockStart",
                {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t", "name": "f"}}},
            ),
            delta(2, toolUse={"input": '{"a"'}),
            delta(2, toolUse={"input": ": 1}"}),
            ("contentBlockStop", {"contentBlockIndex": 2}),
            ("messageStop", {"stopReason": "tool_use", "p": "x"}),
            ("metadata", {"usage": USAGE, "metrics": {"latencyMs": 5}, "p": "y"}),
        ),
    )

    assert merged.body == {
        "stopReason": "tool_use",
        "usage": USAGE,
        "metrics": {"latencyMs": 5},
        "output": {
            "message": {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "let me", "signature": "sig"}}},
                    {"text": "Grüße"},
                    {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}},
                ],
            }
        },
    }
    assert merged.fields.is_complete
    assert (merged.fields.usage, merged.usage_events, merged.problem) == (USAGE, 1, None)


def test_a_stream_without_its_metadata_is_not_complete() -> None:
    merged = wire.merge_stream(API, stream(delta(0, text="half"), ("messageStop", {})))

    assert not merged.fields.is_complete
    assert merged.fields.output_text_chars == 4
    assert merged.fields.usage is None


def test_arguments_that_were_cut_stay_text() -> None:
    merged = wire.merge_stream(API, stream(delta(0, toolUse={"input": '{"a'})))

    (block,) = merged.body["output"]["message"]["content"]  # type: ignore[index]  # a JSON object
    assert block == {"toolUse": {"input": '{"a'}}


def test_an_exception_inside_is_the_answers_error() -> None:
    failure = encode_message("throttlingException", b'{"message":"slow down"}', is_exception=True)
    merged = wire.merge_stream(API, stream(delta(0, text="half")) + failure)

    assert merged.fields.error_type == "throttlingException"
    assert merged.fields.error_message == "slow down"
    assert not merged.fields.is_complete


def test_bytes_that_are_damaged_are_noted() -> None:
    hurt = bytearray(stream(delta(0, text="one")))
    hurt[-6] ^= 1

    merged = wire.merge_stream(API, bytes(hurt) + stream(("metadata", {"usage": USAGE})))

    assert merged.problem == "1 of 2 events could not be read"
    assert merged.fields.usage == USAGE


def test_citations_and_redacted_reasoning_survive_a_round_trip() -> None:
    body = {
        "stopReason": "end_turn",
        "usage": USAGE,
        "output": {
            "message": {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"redactedContent": "c2VjcmV0"}},
                    {
                        "citationsContent": {
                            "content": [{"text": "It rains."}],
                            "citations": [{"title": "Weather"}],
                        }
                    },
                ],
            }
        },
    }
    frames = wire.synthesize_stream(API, body, include_usage=False)

    assert wire.merge_stream(API, b"".join(frames)).body == body
