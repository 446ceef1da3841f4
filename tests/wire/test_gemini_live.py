"""One turn of a live session: what was said to the model, and what it said."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace import wire

API = "gemini.live"
REQUEST = {
    "session": {
        "setup": {
            "model": "models/gemini-live-2.5-flash",
            "generationConfig": {"responseModalities": ["AUDIO"], "temperature": 0.5},
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "tools": [{"functionDeclarations": [{"name": "look"}]}],
        }
    },
    "messages": [
        {"client_content": {"turns": [{"role": "user", "parts": [{"text": "Where is it?"}]}]}},
        {"tool_response": {"functionResponses": [{"id": "c1", "response": {"output": "here"}}]}},
    ],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["serverContent", "modelTurn", "parts", "toolCall", "session", "setup"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def lines(*messages: object) -> bytes:
    return b"\n".join(json.dumps(message).encode() for message in messages)


def test_a_turn_is_put_together_and_its_last_usage_wins() -> None:
    merged = wire.merge_stream(
        API,
        lines(
            {"serverContent": {"modelTurn": {"parts": [{"text": "Hm", "thought": True}]}}},
            {"serverContent": {"modelTurn": {"parts": [{"text": "It is "}]}}},
            {"serverContent": {"modelTurn": {"parts": [{"text": "late."}]}},
             "usageMetadata": {"totalTokenCount": 1}},
            {"toolCall": {"functionCalls": [{"id": "c1", "name": "look", "args": {}}]}},
            {"serverContent": {"turnComplete": True}, "usageMetadata": {"totalTokenCount": 9}},
        ),
    )  # fmt: skip

    (message,) = wire.output_messages(API, merged.body)
    assert merged.fields.is_complete
    assert merged.fields.usage == {"totalTokenCount": 9}
    assert merged.fields.finish_reasons == ("turn_complete",)
    assert merged.fields.output_text_chars == len("It is late.")
    assert [part["type"] for part in message.parts] == ["reasoning", "text", "tool_call"]


def test_a_turn_that_is_interrupted_says_so() -> None:
    merged = wire.merge_stream(
        API, lines({"serverContent": {"interrupted": True}}, {"serverContent": {}})
    )

    assert merged.fields.finish_reasons == ("interrupted",)
    assert not merged.fields.is_complete


def test_the_session_and_what_was_said_are_read() -> None:
    fields = wire.request_fields(API, REQUEST)
    messages, instructions = wire.input_messages(API, REQUEST)

    assert (fields.model, fields.temperature) == ("gemini-live-2.5-flash", 0.5)
    assert fields.output_type == "speech"
    assert [message.role for message in messages] == ["user", "tool"]
    assert instructions[0]["content"] == "Be brief."
    assert wire.tool_definitions(API, REQUEST)[0]["name"] == "look"


def test_a_stored_turn_cannot_be_streamed_again() -> None:
    with pytest.raises(ValueError, match="live turn"):
        wire.synthesize_stream(API, {}, include_usage=True)


@given(st.lists(JSON, max_size=4))
def test_whatever_came_is_read_without_an_exception(values: list[object]) -> None:
    merged = wire.merge_stream(API, lines(*values))

    wire.output_messages(API, merged.body)
    for value in values:
        wire.request_fields(API, value)
        wire.input_messages(API, value)
        wire.tool_definitions(API, value)
        wire.response_fields(API, value)
