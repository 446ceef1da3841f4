"""Legacy completions on the wire: plain, streamed, recorded and broken."""

from __future__ import annotations

import json
from typing import Any

from llmtrace import wire
from llmtrace.wire import anthropic_count_tokens, openai_completions

API = "openai.completions"
BODY: dict[str, Any] = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1,
    "model": "gpt-3.5-turbo-instruct",
    "choices": [
        {"index": 0, "text": "Grüße ☁, " * 9, "logprobs": None, "finish_reason": "length"},
        {"index": 1, "text": "", "logprobs": None, "finish_reason": "stop"},
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 16, "total_tokens": 19},
}


def test_an_answer_is_read() -> None:
    fields = openai_completions.response_fields(BODY)

    assert fields.finish_reasons == ("length", "stop")
    assert fields.usage == BODY["usage"]
    assert fields.output_text_chars == 81


def test_a_stream_is_the_plain_answer_again() -> None:
    data = b"".join(wire.synthesize_stream(API, BODY, include_usage=True))

    merged = wire.merge_stream(API, data)

    assert merged.body == BODY
    assert merged.fields.is_complete
    assert merged.usage_events == 1


def test_a_stream_without_done_is_whole_if_it_has_an_end_and_usage() -> None:
    chunk = {"choices": [{"index": 0, "text": "Hi", "finish_reason": "stop"}]}
    last = {**chunk, "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}

    without, having = (
        wire.merge_stream(API, b"data: " + json.dumps(each).encode() + b"\n\n")
        for each in (chunk, last)
    )

    assert not without.fields.is_complete
    assert having.fields.is_complete


def test_prompts_of_every_kind_are_messages() -> None:
    def kinds(prompt: object) -> list[object]:
        messages, _ = openai_completions.input_messages({"prompt": prompt})
        return [message.parts[0] for message in messages]

    assert kinds("Hi") == [{"type": "text", "content": "Hi"}]
    assert kinds([1, 2, 3]) == [{"type": "tokens", "count": 3}]
    assert kinds(["Hi", [4, 5], None]) == [
        {"type": "text", "content": "Hi"},
        {"type": "tokens", "count": 2},
    ]
    assert kinds({}) == []


def test_what_is_counted_is_read_as_a_message() -> None:
    body: dict[str, object] = {
        "model": "claude-sonnet-4-5",
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [{"name": "f", "input_schema": {}}],
    }
    counting = anthropic_count_tokens.FORMAT

    assert counting.request_fields(body).model == "claude-sonnet-4-5"
    assert len(counting.input_messages(body)[0]) == 1
    assert len(counting.tool_definitions(body)) == 1
    assert counting.response_fields({"input_tokens": 7}).usage is None
