"""xAI's gRPC messages as JSON: requests, answers, and streams put together."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace import wire
from llmtrace.wire import xai_chat

API = "xai.chat"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["outputs", "delta", "message", "index", "content", "chunk", "usage"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def lines(*chunks: object) -> bytes:
    return b"\n".join(json.dumps(chunk).encode() for chunk in chunks)


def chunk(text: str, **more: object) -> dict[str, object]:
    return {"outputs": [{"delta": {"content": text, "role": "ROLE_ASSISTANT"}, **more}]}


def test_a_stream_is_joined_and_its_last_usage_wins() -> None:
    merged = wire.merge_stream(
        API,
        lines(
            {**chunk("It is "), "id": "r1", "usage": {"completion_tokens": 1}},
            {"chunk": chunk("late.", finish_reason="REASON_STOP")},
            {"usage": {"completion_tokens": 4, "reasoning_tokens": 2}},
            {"done": True},
        ),
    )

    assert merged.fields.is_complete
    assert merged.fields.id == "r1"
    assert merged.fields.finish_reasons == ("stop",)
    assert merged.fields.usage == {"completion_tokens": 4, "reasoning_tokens": 2}
    assert merged.fields.output_text_chars == len("It is late.")
    assert merged.body["outputs"] == [
        {
            "index": 0,
            "message": {"content": "It is late.", "role": "ROLE_ASSISTANT"},
            "finish_reason": "REASON_STOP",
        }
    ]


def test_a_stream_without_its_end_is_not_complete() -> None:
    assert not wire.merge_stream(API, lines(chunk("It "))).fields.is_complete


def test_half_a_line_is_noted() -> None:
    assert wire.merge_stream(API, lines(chunk("a")) + b'\n{"outputs').problem


def test_a_conversation_is_read_with_its_roles_and_tools() -> None:
    request = {
        "messages": [
            {"role": "ROLE_SYSTEM", "content": [{"text": "Be brief."}]},
            {
                "role": "ROLE_USER",
                "content": [
                    {"text": "What is this?"},
                    {"image_url": {"image_url": "https://img.example/a.png"}},
                    {"file": {"file_id": "file_1"}},
                ],
            },
            {
                "role": "ROLE_ASSISTANT",
                "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": "{}"}}],
            },
            {"role": "ROLE_TOOL", "tool_call_id": "c1", "content": [{"text": "a cat"}]},
        ],
        "tools": [{"function": {"name": "look"}}, {"web_search": {}}],
    }

    messages, instructions = wire.input_messages(API, request)

    assert instructions == []
    assert [message.role for message in messages] == ["system", "user", "assistant", "tool"]
    assert [part["type"] for part in messages[1].parts] == ["text", "uri", "file"]
    assert messages[2].parts[0]["name"] == "look"
    assert messages[3].parts[0] == {"type": "tool_call_response", "id": "c1", "response": "a cat"}
    assert [tool["type"] for tool in wire.tool_definitions(API, request)] == [
        "function",
        "web_search",
    ]


def test_an_answer_is_read_with_its_thinking() -> None:
    body = {
        "outputs": [
            {
                "finish_reason": "REASON_MAX_LEN",
                "message": {"content": "A cat.", "reasoning_content": "Whiskers."},
            }
        ]
    }

    (message,) = wire.output_messages(API, body)

    assert message.finish_reason == "max_len"
    assert [part["type"] for part in message.parts] == ["reasoning", "text"]


def test_a_stored_answer_cannot_be_streamed_again() -> None:
    with pytest.raises(ValueError, match="gRPC"):
        wire.synthesize_stream(API, {}, include_usage=True)


@given(st.lists(JSON, max_size=5))
def test_whatever_came_is_read_without_an_exception(chunks: list[object]) -> None:
    merged = wire.merge_stream(API, lines(*chunks))

    wire.output_messages(API, merged.body)
    for value in chunks:
        wire.request_fields(API, value)
        wire.response_fields(API, value)
        wire.input_messages(API, value)
    assert xai_chat.parse_lines(b"\n\n") == []
