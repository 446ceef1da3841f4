"""One response of a realtime session: what was asked for, and what came of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace import wire
from llmtrace.wire import openai_realtime

API = "openai.realtime"
SESSION = {
    "type": "session.updated",
    "session": {
        "model": "gpt-realtime",
        "instructions": "Be brief.",
        "output_modalities": ["audio"],
        "max_output_tokens": 4096,
        "tools": [{"type": "function", "name": "look_up"}],
    },
}
REQUEST = {
    "session": SESSION,
    "response": {"type": "response.create", "response": {"max_output_tokens": 100}},
    "items": [
        {
            "type": "conversation.item.create",
            "item": {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Where is it?"}],
            },
        },
        {"item": {"type": "function_call_output", "call_id": "c1", "output": "in Lyon"}},
    ],
}
DONE = {
    "type": "response.done",
    "response": {
        "id": "resp_1",
        "status": "incomplete",
        "status_details": {"type": "incomplete", "reason": "max_output_tokens"},
        "output": [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_audio", "transcript": "In Lyon."}],
            },
            {"type": "function_call", "call_id": "c2", "name": "look_up", "arguments": "{}"},
        ],
        "usage": {"input_tokens": 3},
    },
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["session", "response", "items", "item", "output", "content", "text"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def test_a_response_of_its_own_settings_wins_over_the_session() -> None:
    fields = wire.request_fields(API, REQUEST)

    assert (fields.model, fields.max_tokens, fields.output_type) == ("gpt-realtime", 100, "speech")


def test_the_conversation_since_the_response_before_is_read() -> None:
    messages, instructions = wire.input_messages(API, REQUEST)

    assert [message.role for message in messages] == ["user", "tool"]
    assert instructions == [{"type": "text", "content": "Be brief."}]
    assert wire.tool_definitions(API, REQUEST)[0]["name"] == "look_up"


def test_an_answer_says_how_it_ended_and_what_was_spoken() -> None:
    fields = wire.response_fields(API, DONE)
    said, called = wire.output_messages(API, DONE)

    assert fields.id == "resp_1"
    assert fields.finish_reasons == ("max_output_tokens",)
    assert fields.usage == {"input_tokens": 3}
    assert fields.output_text_chars == len("In Lyon.") + len("{}")
    assert said.parts[0] == {"type": "text", "content": "In Lyon."}
    assert called.parts[0]["name"] == "look_up"


def test_a_failed_response_names_its_error() -> None:
    details = {"type": "failed", "error": {"type": "server_error", "message": "try again"}}
    fields = wire.response_fields(
        API, {"response": {"status": "failed", "status_details": details}}
    )

    assert (fields.error_type, fields.error_message) == ("server_error", "try again")


def test_a_stored_response_cannot_be_streamed_again() -> None:
    with pytest.raises(ValueError, match="realtime"):
        wire.synthesize_stream(API, {}, include_usage=True)
    assert openai_realtime.merge_events([]).is_complete is False


@given(JSON)
def test_whatever_came_is_read_without_an_exception(body: object) -> None:
    wire.request_fields(API, body)
    wire.response_fields(API, body)
    wire.input_messages(API, body)
    wire.output_messages(API, body)
    wire.tool_definitions(API, body)
