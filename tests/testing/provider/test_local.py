"""The provider as a whole: routing, recording, many clients at once."""

from __future__ import annotations

import asyncio
import http.client
import json
from typing import Any

import anthropic
import openai
import pytest

from llmtrace.testing.provider import LocalProvider, Received, Reply, faults

CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def _post(provider: LocalProvider, path: str, body: bytes) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", provider.port, timeout=5)
    try:
        connection.request("POST", path, body, {"authorization": "Bearer sk-secret"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_requests_are_recorded_without_their_credentials(
    provider: LocalProvider, openai_client: Any
) -> None:
    openai_client.with_options(api_key="sk-secret").chat.completions.create(**CHAT)

    (received,) = provider.requests
    assert (received.method, received.path) == ("POST", "/v1/chat/completions")
    assert received.json == json.loads(received.body) == CHAT
    assert received.headers["authorization"] == "***"
    assert "sk-secret" not in repr(received)


def test_64_asynchronous_clients_are_served_at_once(provider: LocalProvider) -> None:
    async def ask_all() -> list[Any]:
        async with openai.AsyncOpenAI(base_url=provider.openai_url, api_key="k") as client:
            calls = [client.chat.completions.create(**CHAT) for _ in range(64)]
            return await asyncio.gather(*calls)

    completions = asyncio.run(ask_all())

    assert len({completion.id for completion in completions}) == 64
    assert len({completion.choices[0].message.content for completion in completions}) == 1


def test_the_asynchronous_stream_helper_works(provider: LocalProvider) -> None:
    async def ask() -> Any:
        url = provider.anthropic_url
        async with (
            anthropic.AsyncAnthropic(base_url=url, api_key="k") as client,
            client.messages.stream(
                model="claude-sonnet-5", max_tokens=50, messages=CHAT["messages"]
            ) as stream,
        ):
            return await stream.get_final_message()

    assert asyncio.run(ask()).stop_reason == "end_turn"


def test_a_reply_waits_for_the_request_it_is_meant_for(
    provider: LocalProvider, openai_client: Any
) -> None:
    provider.enqueue(faults.refused(400).only(path="/embeddings", model="e"))

    openai_client.chat.completions.create(**CHAT)
    openai_client.embeddings.create(model="other", input="x")

    with pytest.raises(openai.BadRequestError):
        openai_client.embeddings.create(model="e", input="x")


def test_a_function_can_be_the_script() -> None:
    def refuse_bob(received: Received) -> Reply | None:
        return faults.refused(403) if b"bob" in received.body else None

    with (
        LocalProvider(script=refuse_bob) as provider,
        openai.OpenAI(base_url=provider.openai_url, api_key="k") as client,
    ):
        client.chat.completions.create(**CHAT, user="ann")
        with pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(**CHAT, user="bob")


def test_latency_is_kept_and_reported() -> None:
    with (
        LocalProvider(latency_s=lambda _: 0.05) as provider,
        openai.OpenAI(base_url=provider.openai_url, api_key="k") as client,
    ):
        raw = client.chat.completions.with_raw_response.create(**CHAT)

    assert raw.headers["openai-processing-ms"] == "50"
    assert raw.elapsed.total_seconds() >= 0.05


def test_rate_limit_headroom_shrinks_with_use() -> None:
    with (
        LocalProvider(rate_limit=(60, 1000)) as provider,
        openai.OpenAI(base_url=provider.openai_url, api_key="k") as client,
    ):
        left = [
            int(
                client.chat.completions.with_raw_response.create(**CHAT).headers[
                    "x-ratelimit-remaining-tokens"
                ]
            )
            for _ in range(2)
        ]

    assert 1000 > left[0] > left[1]


def test_a_body_that_is_no_json_is_refused(provider: LocalProvider) -> None:
    status, body = _post(provider, "/v1/chat/completions", b"{no")

    assert status == 400
    assert "could not parse" in json.dumps(body)


def test_an_unknown_path_is_not_found(provider: LocalProvider) -> None:
    status, body = _post(provider, "/v1/nothing", b"{}")

    assert status == 404
    assert "Invalid URL (POST /v1/nothing)" in json.dumps(body)


def test_a_taken_port_is_an_error_at_once(provider: LocalProvider) -> None:
    with pytest.raises(OSError, match="in use"):
        LocalProvider(port=provider.port)


def test_stopping_ends_a_stall() -> None:
    provider = LocalProvider().start()
    provider.enqueue(faults.stalled(stall_s=60))

    with openai.OpenAI(base_url=provider.openai_url, api_key="k", max_retries=0) as client:
        stream = client.chat.completions.create(**CHAT, stream=True)
        next(stream)
        provider.stop()
        with pytest.raises(openai.APIConnectionError):
            list(stream)
