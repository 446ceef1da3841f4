"""The real SDKs rebuild the same object from a synthesized stream as from the recorded one."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import openai
import pytest

from llmtrace import wire
from tests.wire.recorded import Exchange, needs_recordings, streams

if TYPE_CHECKING:
    from collections.abc import Callable


def _http(data: bytes) -> httpx2.Client:
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, content=data))
    return httpx2.Client(transport=transport)


def _openai(data: bytes) -> openai.OpenAI:
    return openai.OpenAI(
        api_key="none", base_url="http://sdk.test/v1", http_client=_http(data), max_retries=0
    )


def _read_chat(data: bytes) -> dict[str, Any]:
    with _openai(data).chat.completions.stream(model="m", messages=[]) as stream:
        final = stream.get_final_completion().model_dump()
    final.pop("obfuscation", None)  # the padding of the first chunk
    return final


def _read_responses(data: bytes) -> dict[str, Any]:
    with _openai(data).responses.stream(model="m", input="x") as stream:
        return stream.get_final_response().model_dump()


def _read_messages(data: bytes) -> dict[str, Any]:
    client = anthropic.Anthropic(
        api_key="none", base_url="http://sdk.test", http_client=_http(data), max_retries=0
    )
    with client.messages.stream(model="m", max_tokens=5, messages=[]) as stream:
        return stream.get_final_message().model_dump()


_READERS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "openai.chat": _read_chat,
    "openai.responses": _read_responses,
    "anthropic.messages": _read_messages,
}


def _again(api: str, data: bytes) -> bytes:
    merged = wire.merge_stream(api, data)
    return b"".join(wire.synthesize_stream(api, merged.body, include_usage=True))


def _readable(row: Exchange) -> dict[str, Any] | None:
    """Return what the SDK makes of the recording; None where it refuses it itself."""
    try:
        return _READERS[row["api"]](row["response_body"].encode())
    except (openai.LengthFinishReasonError, RuntimeError):
        return None


@needs_recordings
@pytest.mark.parametrize(
    ("api", "providers", "enough"),
    [
        # other chat providers repeat the role, or change fields late, which the SDK's own
        # accumulator turns into "assistantassistant" or loses; a merge must not
        ("openai.chat", ("openai", "alibaba", "deepseek"), 30),
        ("openai.responses", (), 30),
        ("anthropic.messages", (), 30),
    ],
)
def test_the_sdk_rebuilds_what_it_had_read(
    api: str, providers: tuple[str, ...], enough: int
) -> None:
    warnings.simplefilter("ignore")
    rows = [row for row in streams(*providers) if row["api"] == api]
    # a stated cost means that a gateway with the habits above was recorded under another name
    rows = [row for row in rows if row["truth"]["cost_field"] is None or api != "openai.chat"]
    # beta fields at the end of a stream, which the stable accumulator leaves out
    rows = [row for row in rows if '"applied_edits"' not in row["response_body"]]
    rows = [row for row in rows if '"iterations"' not in row["response_body"]]
    pairs = [(row, _readable(row)) for row in rows]
    pairs = [(row, original) for row, original in pairs if original is not None]

    differing = [
        row["id"]
        for row, original in pairs
        if _READERS[api](_again(api, row["response_body"].encode())) != original
    ]

    assert len(pairs) >= enough
    assert differing == []


@needs_recordings
def test_a_merged_body_survives_being_streamed_again() -> None:
    rows = streams()

    differing = []
    for row in rows:
        body = wire.merge_stream(row["api"], row["response_body"].encode()).body
        again = b"".join(wire.synthesize_stream(row["api"], body, include_usage=True))
        if wire.merge_stream(row["api"], again).body != body:
            differing.append(row["id"])

    assert differing == []


def test_the_sdk_reads_thinking_tools_and_citations_of_a_message() -> None:
    citation = {
        "type": "char_location",
        "cited_text": "sky",
        "document_index": 0,
        "document_title": None,
        "end_char_index": 3,
        "file_id": None,
        "start_char_index": 0,
    }
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [
            {"type": "thinking", "thinking": "Let me see " * 9, "signature": "c2ln"},
            {"type": "text", "text": "The sky is blue — ☁.", "citations": [citation]},
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": ["ä", 1.5]}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 40, "cache_read_input_tokens": 7},
    }

    final = _read_messages(
        b"".join(wire.synthesize_stream("anthropic.messages", body, include_usage=True))
    )

    assert final["content"][0]["thinking"] == "Let me see " * 9
    assert final["content"][0]["signature"] == "c2ln"
    assert final["content"][1]["citations"] == [citation]
    assert final["content"][2]["input"] == {"at": ["ä", 1.5]}
    assert final["usage"]["output_tokens"] == 40
    assert final["stop_reason"] == "tool_use"


def test_the_sdk_reads_two_choices_a_refusal_and_two_tool_calls_of_a_chat() -> None:
    def call(number: int) -> dict[str, Any]:
        function = {"name": f"tool_{number}", "arguments": json.dumps({"n": number})}
        return {"id": f"call_{number}", "type": "function", "function": function}

    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-4o",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, "tool_calls": [call(1), call(2)]},
                "finish_reason": "tool_calls",
            },
            {
                "index": 1,
                "message": {"role": "assistant", "content": None, "refusal": "I will not " * 5},
                "finish_reason": "stop",
            },
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }

    final = _read_chat(b"".join(wire.synthesize_stream("openai.chat", body, include_usage=True)))

    calls = final["choices"][0]["message"]["tool_calls"]
    assert [(c["id"], c["function"]["arguments"]) for c in calls] == [
        ("call_1", '{"n": 1}'),
        ("call_2", '{"n": 2}'),
    ]
    assert final["choices"][1]["message"]["refusal"] == "I will not " * 5
    assert final["usage"]["total_tokens"] == 7


def test_a_chat_stream_that_was_not_asked_for_usage_has_none() -> None:
    body = {
        "id": "c",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 1},
    }

    final = _read_chat(b"".join(wire.synthesize_stream("openai.chat", body, include_usage=False)))

    assert final["usage"] is None
    assert final["choices"][0]["message"]["content"] == "x"


@pytest.mark.parametrize("api", ["openai.chat", "openai.responses"])
def test_a_stored_error_is_raised_by_the_sdk_again(api: str) -> None:
    body = {"error": {"code": "server_error", "message": "overloaded", "param": None}}

    data = b"".join(wire.synthesize_stream(api, body, include_usage=True))

    with pytest.raises((openai.APIError, RuntimeError)):
        _READERS[api](data)


def test_a_stored_anthropic_error_is_raised_by_the_sdk_again() -> None:
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}

    data = b"".join(wire.synthesize_stream("anthropic.messages", body, include_usage=True))

    with pytest.raises(anthropic.APIStatusError, match="overloaded_error"):
        _read_messages(data)


def test_embeddings_cannot_be_streamed() -> None:
    with pytest.raises(ValueError, match="no streams"):
        wire.synthesize_stream("openai.embeddings", {}, include_usage=False)


def test_an_api_that_nobody_knows_cannot_be_streamed() -> None:
    with pytest.raises(ValueError, match=r"'x\.y'"):
        wire.synthesize_stream("x.y", {}, include_usage=False)
