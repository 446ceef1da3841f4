"""Unmodified SDK code, answered from stored calls."""

from __future__ import annotations

import asyncio
import importlib
import threading
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import openai
import pytest

import llmtrace
from llmtrace.errors import ReplayError
from llmtrace.instrument.patches import Patch
from llmtrace.store import open_store
from llmtrace.testing.provider import LocalProvider
from tests.replay.rows import CHAT, EMBEDDINGS, MESSAGES, RESPONSES, recorded, row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def provider() -> Iterator[LocalProvider]:
    with LocalProvider() as running:
        yield running


# Ports where nobody listens: whatever is answered was answered from the store.
def _openai(**options: Any) -> openai.OpenAI:
    return openai.OpenAI(api_key="any", base_url="http://127.0.0.1:9/v1", **options)


def _async_openai() -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="any", base_url="http://127.0.0.1:9/v1")


def _anthropic() -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="any", base_url="http://127.0.0.1:9")


def _said(call: dict[str, Any]) -> str:
    body = call["response_body"]
    if call["api"] == "openai.chat":
        return body["choices"][0]["message"]["content"]
    if call["api"] == "openai.responses":
        parts = [c for item in body["output"] for c in item.get("content") or ()]
        return "".join(part.get("text", "") for part in parts)
    return "".join(block.get("text", "") for block in body["content"])


def test_a_plain_chat_is_answered_as_it_was_recorded(provider: LocalProvider) -> None:
    call = recorded(provider, "openai.chat", CHAT)

    with llmtrace.replay([call]) as session:
        answer = _openai().chat.completions.create(**CHAT)

    assert answer.to_dict() == call["response_body"]
    assert session.unused == ()
    assert [used.span_id for used in session.used] == [call["span_id"]]


def test_a_streamed_chat_is_answered_in_chunks(provider: LocalProvider) -> None:
    call = recorded(provider, "openai.chat", CHAT)

    with llmtrace.replay([call]):
        chunks = list(_openai().chat.completions.create(**CHAT, stream=True))

    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert len(chunks) > 3
    assert text == _said(call)
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_that_asks_for_usage_gets_it(provider: LocalProvider) -> None:
    call = recorded(provider, "openai.chat", CHAT)

    with llmtrace.replay([call]):
        asked = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
        chunks = list(_openai().chat.completions.create(**asked))

    assert chunks[-1].usage is not None
    assert chunks[-1].usage.to_dict() == call["response_body"]["usage"]


def test_the_stream_helper_gives_the_same_completion(provider: LocalProvider) -> None:
    call = recorded(provider, "openai.chat", CHAT)

    with llmtrace.replay([call]), _openai().chat.completions.stream(**CHAT) as stream:
        final = stream.get_final_completion()

    assert final.choices[0].message.content == _said(call)
    assert final.id == call["response_body"]["id"]


def test_raw_and_streaming_responses_work(provider: LocalProvider) -> None:
    calls = [recorded(provider, "openai.chat", CHAT, number=n, request_id="req_1") for n in (1, 2)]

    with llmtrace.replay(calls):
        raw = _openai().chat.completions.with_raw_response.create(**CHAT)
        with _openai().chat.completions.with_streaming_response.create(**CHAT) as streaming:
            body = b"".join(streaming.iter_bytes())

    assert raw.parse().choices[0].message.content == _said(calls[0])
    assert raw.headers["x-request-id"] == "req_1"
    assert raw.elapsed.total_seconds() == 0
    assert _said(calls[1])[:10].encode() in body


def test_async_chats_are_answered_plain_and_streamed(provider: LocalProvider) -> None:
    calls = [recorded(provider, "openai.chat", CHAT, number=n) for n in (1, 2)]

    async def work() -> tuple[str | None, str]:
        client = _async_openai()
        plain = await client.chat.completions.create(**CHAT)
        stream = await client.chat.completions.create(**CHAT, stream=True)
        pieces = [c.choices[0].delta.content or "" async for c in stream if c.choices]
        return plain.choices[0].message.content, "".join(pieces)

    with llmtrace.replay(calls):
        answers = asyncio.run(work())

    assert answers == (_said(calls[0]), _said(calls[1]))


def test_responses_are_answered_plain_and_streamed(provider: LocalProvider) -> None:
    calls = [recorded(provider, "openai.responses", RESPONSES, number=n) for n in (1, 2)]

    with llmtrace.replay(calls):
        plain = _openai().responses.create(**RESPONSES)
        with _openai().responses.stream(**RESPONSES) as stream:
            events = list(stream)
            final = stream.get_final_response()

    assert plain.output_text == _said(calls[0])
    assert final.output_text == _said(calls[1])
    assert events[-1].type == "response.completed"


def test_messages_are_answered_plain_and_streamed(provider: LocalProvider) -> None:
    calls = [recorded(provider, "anthropic.messages", MESSAGES, number=n) for n in (1, 2, 3)]

    with llmtrace.replay(calls):
        plain = _anthropic().messages.create(**MESSAGES)
        with _anthropic().messages.stream(**MESSAGES) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        events = list(_anthropic().messages.create(**MESSAGES, stream=True))

    assert plain.to_dict() == calls[0]["response_body"]
    assert text == _said(calls[1])
    assert final.usage.output_tokens == calls[1]["response_body"]["usage"]["output_tokens"]
    assert events[-1].type == "message_stop"


def test_async_messages_are_answered(provider: LocalProvider) -> None:
    call = recorded(provider, "anthropic.messages", MESSAGES)

    async def work() -> str:
        client = anthropic.AsyncAnthropic(api_key="any", base_url="http://127.0.0.1:9")
        async with client.messages.stream(**MESSAGES) as stream:
            return await stream.get_final_text()

    with llmtrace.replay([call]):
        assert asyncio.run(work()) == _said(call)


def test_equal_requests_are_answered_in_the_order_of_the_recording() -> None:
    def answered(text: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        return {"id": text, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    calls = [row("openai.chat", CHAT, answered(t), number=n) for n, t in enumerate("ab")]

    with llmtrace.replay(calls) as session:
        client = _openai()
        first = client.chat.completions.create(**CHAT)
        left = session.unused
        second = client.chat.completions.create(**CHAT)

    assert (first.id, second.id) == ("a", "b")
    assert [call.span_id for call in left] == [f"{1:016x}"]


def test_requests_find_their_answers_in_any_order(provider: LocalProvider) -> None:
    other = {**CHAT, "messages": [{"role": "user", "content": "And the sea?"}]}
    calls = [
        recorded(provider, "openai.chat", CHAT, number=1),
        recorded(provider, "openai.chat", other, number=2),
    ]

    with llmtrace.replay(calls):
        second = _openai().chat.completions.create(**other)
        first = _openai().chat.completions.create(**CHAT)

    assert second.id == calls[1]["response_body"]["id"]
    assert first.id == calls[0]["response_body"]["id"]


def test_metadata_and_streaming_do_not_matter_to_the_match(provider: LocalProvider) -> None:
    call = recorded(provider, "openai.chat", {**CHAT, "metadata": {"run": "1"}})

    with llmtrace.replay([call]):
        answer = _openai().chat.completions.create(**CHAT, metadata={"run": "2"})

    assert answer.choices[0].message.content == _said(call)


def test_a_redacted_request_matches_what_was_redacted() -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "Mail bob@example.com, 4"}]}
    stored = {"model": "m", "messages": [{"role": "user", "content": "Mail [REDACTED:email], 4"}]}
    answer = {"id": "x", "choices": []}

    with llmtrace.replay([row("openai.chat", stored, answer, redacted="email=1")]):
        assert _openai().chat.completions.create(**asked).id == "x"


def test_another_request_fails_as_a_connection_with_our_error_as_cause() -> None:
    call = row("openai.chat", CHAT, {"id": "x", "choices": []})
    other = {**CHAT, "messages": [{"role": "user", "content": "Why is grass green?"}]}

    with llmtrace.replay([call]), pytest.raises(openai.APIConnectionError) as raised:
        _openai(max_retries=0).chat.completions.create(**other)

    assert isinstance(raised.value.__cause__, ReplayError)
    assert str(raised.value.__cause__) == (
        "no stored call answers this openai.chat request: nearest is 0000000000000001, which "
        'differs: messages[0].content is "Why is the sky blue?" in the store, '
        '"Why is grass green?" in the program'
    )


def test_anthropic_code_is_told_in_the_same_way() -> None:
    call = row("anthropic.messages", MESSAGES, {"id": "x", "content": []})
    client = _anthropic().with_options(max_retries=0)

    with llmtrace.replay([call]), pytest.raises(anthropic.APIConnectionError) as raised:
        client.messages.create(**{**MESSAGES, "max_tokens": 7})

    assert isinstance(raised.value.__cause__, ReplayError)
    assert "max_tokens is 200 in the store, 7 in the program" in str(raised.value.__cause__)


def test_asking_once_more_than_was_recorded_is_told() -> None:
    call = row("openai.chat", CHAT, {"id": "x", "choices": []})

    with llmtrace.replay([call]):
        client = _openai(max_retries=0)
        client.chat.completions.create(**CHAT)
        with pytest.raises(openai.APIConnectionError) as raised:
            client.chat.completions.create(**CHAT)

    assert "was recorded once and has been answered that often" in str(raised.value.__cause__)


def test_what_cannot_be_answered_does_not_reach_the_network(provider: LocalProvider) -> None:
    call = row("openai.chat", CHAT, {"id": "x", "choices": []})
    client = openai.OpenAI(api_key="any", base_url=provider.openai_url, max_retries=0)
    before = len(provider.requests)

    with llmtrace.replay([call]), pytest.raises(openai.APIConnectionError) as raised:
        client.models.list()

    assert "nothing goes to the network" in str(raised.value.__cause__)
    assert len(provider.requests) == before


@pytest.mark.parametrize("status", [429, 500])
def test_a_stored_refusal_is_raised_again_without_waiting_for_retries(status: int) -> None:
    body = {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}
    call = row("openai.chat", CHAT, body, http_status=status, error_type="RateLimitError")

    with llmtrace.replay([call]), pytest.raises(openai.APIStatusError) as raised:
        _openai().chat.completions.create(**CHAT)

    assert raised.value.status_code == status
    assert "slow down" in str(raised.value)


def test_a_stored_timeout_is_a_timeout_again() -> None:
    call = row("openai.chat", CHAT, None, http_status=None, error_type="APITimeoutError")

    with llmtrace.replay([call]), pytest.raises(openai.APITimeoutError):
        _openai(max_retries=0).chat.completions.create(**CHAT)


def test_embeddings_say_that_vectors_are_not_stored(provider: LocalProvider) -> None:
    call = recorded(provider, "openai.embeddings", EMBEDDINGS)

    with llmtrace.replay([call]), pytest.raises(openai.APIConnectionError) as raised:
        _openai(max_retries=0).embeddings.create(**EMBEDDINGS, encoding_format="float")

    assert isinstance(raised.value.__cause__, ReplayError)


def test_an_answer_that_was_not_captured_says_so() -> None:
    call = row("openai.chat", CHAT, None)

    with llmtrace.replay([call]), pytest.raises(openai.APIConnectionError) as raised:
        _openai(max_retries=0).chat.completions.create(**CHAT)

    assert "was not captured" in str(raised.value.__cause__)


def test_other_http_requests_pass_through(provider: LocalProvider) -> None:
    call = row("openai.chat", CHAT, {"id": "x", "choices": []})

    with llmtrace.replay([call]):
        answer = httpx2.get(provider.url + "/v1/models")

    assert answer.status_code in {200, 401, 404}


def test_a_thread_that_did_not_inherit_the_session_is_not_affected(provider: LocalProvider) -> None:
    call = row("openai.chat", CHAT, {"id": "stored", "choices": []})
    ids: list[str] = []

    def work() -> None:
        client = openai.OpenAI(api_key="any", base_url=provider.openai_url)
        ids.append(client.chat.completions.create(**CHAT).id)

    with llmtrace.replay([call]) as session:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(timeout=30)

    assert len(ids) == 1
    assert ids != ["stored"]
    assert len(session.unused) == 1


def test_leaving_the_session_puts_the_clients_back() -> None:
    before = httpx2.Client.send, httpx2.AsyncClient.send
    call = row("openai.chat", CHAT, {"id": "x", "choices": []})

    with llmtrace.replay([call]), llmtrace.replay([call]):
        inside = httpx2.Client.send

    assert inside is not before[0]
    assert (httpx2.Client.send, httpx2.AsyncClient.send) == before


def test_leaving_the_session_puts_our_own_wrappers_back(tmp_path: Path) -> None:
    call = row("openai.chat", CHAT, {"id": "x", "choices": []})
    importlib.import_module("mistralai.client.chat")
    bare = vars(httpx2.Client)["send"], vars(httpx2.AsyncClient)["send"]
    llmtrace.instrument("mistralai", home=tmp_path)
    before = vars(httpx2.Client)["send"], vars(httpx2.AsyncClient)["send"]

    with llmtrace.replay([call]):
        pass

    after = vars(httpx2.Client)["send"], vars(httpx2.AsyncClient)["send"]
    llmtrace.uninstrument()
    assert [type(function) for function in before] == [Patch, Patch]
    assert [new is old for new, old in zip(after, before, strict=True)] == [True, True]
    assert (vars(httpx2.Client)["send"], vars(httpx2.AsyncClient)["send"]) == bare


def test_the_inner_of_two_sessions_answers() -> None:
    outer = row("openai.chat", CHAT, {"id": "outer", "choices": []})
    inner = row("openai.chat", CHAT, {"id": "inner", "choices": []})

    with llmtrace.replay([outer]):
        with llmtrace.replay([inner]):
            first = _openai().chat.completions.create(**CHAT)
        second = _openai().chat.completions.create(**CHAT)

    assert (first.id, second.id) == ("inner", "outer")


def test_no_calls_are_nothing_to_replay() -> None:
    with pytest.raises(ReplayError, match="the list is empty"):
        llmtrace.replay([])


def test_a_row_without_ids_is_refused() -> None:
    with pytest.raises(ReplayError, match="needs 'span_id'"):
        llmtrace.replay([{"api": "openai.chat"}])


def test_what_is_served_offline_is_not_recorded_as_paid(home: Path) -> None:
    call = row("openai.chat", CHAT, {"id": "x", "model": "gpt-4o-mini", "choices": []})
    llmtrace.instrument(home=home)
    try:
        with llmtrace.replay([call]):
            _openai().chat.completions.create(**CHAT)
        assert llmtrace.flush()
    finally:
        llmtrace.uninstrument()

    with open_store(home) as store:
        assert store.sql("select count(*) as calls from llm_calls").to_pylist() == [{"calls": 0}]
