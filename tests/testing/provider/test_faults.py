"""Scripted faults, as the real SDKs report them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import openai
import pytest

from llmtrace.testing.provider import LocalProvider, Reply, faults

if TYPE_CHECKING:
    from collections.abc import Callable

CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "héllo 世界"}]}
MESSAGE: dict[str, Any] = {
    "model": "claude-sonnet-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello there"}],
}


def _chat(client: Any) -> Any:
    return client.chat.completions.create(**CHAT)


def _chat_stream(client: Any) -> list[Any]:
    return list(client.chat.completions.create(**CHAT, stream=True))


def _message_stream(client: Any) -> Any:
    with client.messages.stream(**MESSAGE) as stream:
        return stream.get_final_message()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (faults.refused(400), openai.BadRequestError),
        (faults.refused(401), openai.AuthenticationError),
        (faults.rate_limited(), openai.RateLimitError),
        (faults.refused(500), openai.InternalServerError),
        (faults.html_page(), openai.InternalServerError),
        (faults.dropped(), openai.APIConnectionError),
        (faults.truncated_json(), json.JSONDecodeError),
        (faults.garbage(), json.JSONDecodeError),
        (faults.empty_body(), json.JSONDecodeError),
    ],
)
def test_a_plain_call_raises_what_the_sdk_raises_for_it(
    provider: LocalProvider, openai_client: Any, reply: Reply, error: type[Exception]
) -> None:
    provider.enqueue(reply)

    with pytest.raises(error):
        _chat(openai_client)


def test_overload_is_anthropics_529(provider: LocalProvider, anthropic_client: Any) -> None:
    provider.enqueue(faults.overloaded())

    with pytest.raises(anthropic.InternalServerError, match="Overloaded") as caught:
        anthropic_client.messages.create(**MESSAGE)

    assert caught.value.status_code == 529


def test_rate_limits_are_retried_after_the_time_told(
    provider: LocalProvider, openai_client: Any
) -> None:
    provider.enqueue(faults.rate_limited(retry_after_s=0.01, times=2))

    raw = openai_client.with_options(max_retries=2).chat.completions.with_raw_response.create(
        **CHAT
    )

    assert raw.retries_taken == 2
    assert len(provider.requests) == 3
    assert provider.waiting_replies == 0


@pytest.mark.parametrize(
    "reply", [faults.cut_inside_event(), faults.cut_inside_character(), faults.stalled(stall_s=0.1)]
)
def test_a_stream_that_dies_raises_after_its_first_chunks(
    provider: LocalProvider, openai_client: Any, reply: Reply
) -> None:
    provider.enqueue(reply)
    chunks: list[Any] = []

    with pytest.raises(openai.APIConnectionError):
        chunks.extend(iter(openai_client.chat.completions.create(**CHAT, stream=True)))

    # The client's list is filled chunk by chunk, so that what came before the cut is in it.
    assert chunks


def test_an_anthropic_stream_that_dies_raises_the_transports_error(
    provider: LocalProvider, anthropic_client: Any
) -> None:
    provider.enqueue(faults.cut_inside_event(after_events=4))

    with pytest.raises(httpx2.RemoteProtocolError):
        _message_stream(anthropic_client)


def test_chunk_borders_inside_events_and_characters_change_nothing(
    provider: LocalProvider, openai_client: Any
) -> None:
    def text(chunks: list[Any]) -> str:
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    whole = text(_chat_stream(openai_client))
    provider.enqueue(faults.split_everywhere(1))
    split = text(_chat_stream(openai_client))

    assert split == whole
    assert "世界" in split


@pytest.mark.parametrize("call", [_chat, _chat_stream])
def test_a_compressed_answer_reads_as_usual(
    provider: LocalProvider, openai_client: Any, call: Callable[[Any], object]
) -> None:
    provider.enqueue(faults.gzipped())

    assert call(openai_client)
    assert provider.waiting_replies == 0


@pytest.mark.parametrize(
    "value", [None, {"prompt_tokens": "3"}, {"completion_tokens": -1}, "many", []]
)
def test_usage_can_be_anything(provider: LocalProvider, openai_client: Any, value: object) -> None:
    provider.enqueue(faults.usage(value), faults.usage(value))

    raw = openai_client.chat.completions.with_raw_response.create(**CHAT)
    with openai_client.chat.completions.with_streaming_response.create(
        **CHAT, stream=True
    ) as stream:
        lines = [line for line in stream.iter_lines() if "usage" in line]

    assert json.loads(raw.text)["usage"] == value
    assert json.loads(lines[-1].removeprefix("data: "))["usage"] == value


def test_usage_can_be_missing(provider: LocalProvider, openai_client: Any) -> None:
    provider.enqueue(faults.usage_missing())

    assert _chat(openai_client).usage is None


def test_usage_can_come_with_every_chunk(provider: LocalProvider, openai_client: Any) -> None:
    provider.enqueue(faults.usage_on_every_chunk())

    totals = [chunk.usage.completion_tokens for chunk in _chat_stream(openai_client)]

    assert totals == list(range(1, len(totals) + 1))


@pytest.mark.parametrize("value", [[], None])
def test_choices_can_be_empty_or_null(
    provider: LocalProvider, openai_client: Any, value: object
) -> None:
    provider.enqueue(faults.choices(value), faults.choices(value))

    assert _chat(openai_client).choices == value
    assert _chat_stream(openai_client)[1].choices == value


def test_a_tool_call_can_lack_its_function(provider: LocalProvider, openai_client: Any) -> None:
    provider.enqueue(faults.tool_call_without_function())

    assert _chat(openai_client).choices[0].message.tool_calls[0].function is None


def test_an_error_inside_a_chat_stream_is_the_sdks_api_error(
    provider: LocalProvider, openai_client: Any
) -> None:
    provider.enqueue(faults.error_inside_stream())

    with pytest.raises(openai.APIError, match="server had an error"):
        _chat_stream(openai_client)


def test_an_error_inside_an_anthropic_stream_is_an_overload(
    provider: LocalProvider, anthropic_client: Any
) -> None:
    provider.enqueue(faults.error_inside_stream())

    with pytest.raises(anthropic.APIStatusError, match="overloaded_error"):
        _message_stream(anthropic_client)


def test_an_error_inside_a_responses_stream_is_an_event(
    provider: LocalProvider, openai_client: Any
) -> None:
    provider.enqueue(faults.error_inside_stream())

    events = list(openai_client.responses.create(model="gpt-4o", input="hi", stream=True))

    assert events[-1].type == "error"


def test_unknown_events_do_not_disturb_the_sdks(
    provider: LocalProvider,
    openai_client: Any,
    anthropic_client: Any,
) -> None:
    provider.enqueue(*[faults.unknown_events()] * 3)

    events = list(openai_client.responses.create(model="gpt-4o", input="hi", stream=True))

    assert "response.tomorrow" in [event.type for event in events]
    assert _chat(openai_client).field_of_tomorrow == {"a": [1]}
    assert _message_stream(anthropic_client).stop_reason == "end_turn"


def test_a_lone_surrogate_arrives_as_one(provider: LocalProvider, openai_client: Any) -> None:
    provider.enqueue(faults.lone_surrogate())

    assert "\ud800" in _chat(openai_client).choices[0].message.content


def test_exact_bytes_and_headers_arrive_unchanged(
    provider: LocalProvider, openai_client: Any
) -> None:
    body = b'{"id":"x",  "choices":[]}'
    provider.enqueue(Reply(body=body, headers={"X-Request-Id": "mine"}))

    raw = openai_client.chat.completions.with_raw_response.create(**CHAT)

    assert (raw.http_response.content, raw.request_id) == (body, "mine")
