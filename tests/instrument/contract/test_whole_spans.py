"""One call of each API, its span asserted whole: nothing missing, nothing too much, right types."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llmtrace.testing.provider import Answer, Reply
from tests.instrument.contract.apis_anthropic import MESSAGES
from tests.instrument.contract.apis_openai import CHAT, EMBEDDINGS, RESPONSES

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.contract.apis import Api
    from tests.instrument.recording import Recorded

_VARIES = ("start_unix_ns", "end_unix_ns", "span_id", "trace_id", "resource")
_BODIES = ("llmtrace.request.body", "llmtrace.response.body", "llmtrace.usage.raw")


ANSWER = Reply(
    answer=Answer(text="Hello there, friend."),
    headers={
        "x-ratelimit-limit-requests": "600",
        "x-ratelimit-remaining-requests": "599",
        "x-ratelimit-limit-tokens": "90000",
        "x-ratelimit-remaining-tokens": "89000",
        "anthropic-ratelimit-requests-limit": "600",
        "anthropic-ratelimit-requests-remaining": "599",
        "anthropic-ratelimit-tokens-limit": "90000",
        "anthropic-ratelimit-tokens-remaining": "89000",
    },
)
"""5 tokens at the local provider's 4 characters a token; the question “Hi” counts 3, or 1 alone."""


def whole(span: dict[str, Any]) -> dict[str, Any]:
    """Return a span without what differs at every call; bodies and usage parsed."""
    assert 0 < span["start_unix_ns"] < span["end_unix_ns"]
    assert len(span["trace_id"]) == 32
    assert len(span["span_id"]) == 16
    attributes = {
        name: json.loads(value) if name in _BODIES else value
        for name, value in span["attributes"].items()
    }
    return {k: v for k, v in span.items() if k not in _VARIES} | {"attributes": attributes}


def common(api: Api, provider: LocalProvider, **more: Any) -> dict[str, Any]:
    """Return what every plain, successful, unattributed call says."""
    return {
        "name": f"{api.operation} {api.model}",
        "kind": "client",
        "parent_span_id": None,
        "status": "unset",
        "status_message": "",
        "events": [],
        "flags": 0x101,
        "attributes": {
            "gen_ai.operation.name": api.operation,
            "gen_ai.provider.name": api.sdk.name,
            "gen_ai.request.model": api.model,
            "gen_ai.response.model": api.answers_as,
            "gen_ai.usage.cache_creation.input_tokens": 0,
            "gen_ai.usage.cache_read.input_tokens": 0,
            "gen_ai.usage.reasoning.output_tokens": 0,
            "http.response.status_code": 200,
            "server.address": "127.0.0.1",
            "server.port": provider.port,
            "llmtrace.api": api.wire,
            "llmtrace.sdk": api.version,
            "llmtrace.retry.count": 0,
            "llmtrace.cache.status": "bypass",
            "llmtrace.usage.source": "provider",
            "llmtrace.cost.source": "list",
            "llmtrace.cost.cache_read_usd": 0.0,
            "llmtrace.cost.cache_write_usd": 0.0,
            "llmtrace.cost.cache_savings_usd": 0.0,
            "llmtrace.cost.tools_usd": 0.0,
            "llmtrace.rate_limit.limit_requests": 600,
            "llmtrace.rate_limit.remaining_requests": 599,
            "llmtrace.rate_limit.limit_tokens": 90_000,
            "llmtrace.rate_limit.remaining_tokens": 89_000,
            **more,
        },
    }


def priced(span: dict[str, Any]) -> dict[str, Any]:
    """Take out which price data it was: that belongs to the tests of prices."""
    assert span["attributes"].pop("llmtrace.price.version")
    return span


def test_a_chat_completion_is_recorded_whole(provider: LocalProvider, recorded: Recorded) -> None:
    provider.enqueue(ANSWER)
    client = CHAT.client(provider)

    result = CHAT.create(client, "Hi", temperature=0.5)

    assert priced(whole(recorded.span())) == common(
        CHAT,
        provider,
        **{
            "gen_ai.request.temperature": 0.5,
            "gen_ai.response.id": result.id,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": 3,
            "gen_ai.usage.output_tokens": 5,
            "openai.response.service_tier": "default",
            "openai.response.system_fingerprint": "fp_local000001",
            "llmtrace.service_tier": "default",
            "llmtrace.request_id": result._request_id,
            "llmtrace.cost.input_usd": 0.00000045,
            "llmtrace.cost.output_usd": 0.000003,
            "llmtrace.cost.total_usd": 0.00000345,
            "llmtrace.request.body": {
                "model": "gpt-4o-mini",
                "messages": [{"role": "user", "content": "Hi"}],
                "temperature": 0.5,
            },
            "llmtrace.response.body": result.model_dump(mode="json", exclude_unset=True),
            "llmtrace.usage.raw": result.usage.model_dump(mode="json", exclude_unset=True),
        },
    )


def test_a_response_is_recorded_whole(provider: LocalProvider, recorded: Recorded) -> None:
    provider.enqueue(ANSWER)
    client = RESPONSES.client(provider)

    result = RESPONSES.create(client, "Hi")

    assert priced(whole(recorded.span())) == common(
        RESPONSES,
        provider,
        **{
            "gen_ai.response.id": result.id,
            "gen_ai.response.finish_reasons": ["completed"],
            "gen_ai.usage.input_tokens": 3,
            "gen_ai.usage.output_tokens": 5,
            "openai.response.service_tier": "default",
            "llmtrace.service_tier": "default",
            "llmtrace.request_id": result._request_id,
            "llmtrace.cost.input_usd": 0.00000045,
            "llmtrace.cost.output_usd": 0.000003,
            "llmtrace.cost.total_usd": 0.00000345,
            "llmtrace.request.body": {"model": "gpt-4o-mini", "input": "Hi"},
            "llmtrace.response.body": result.model_dump(mode="json", exclude_unset=True),
            "llmtrace.usage.raw": result.usage.model_dump(mode="json", exclude_unset=True),
        },
    )


def test_an_embedding_is_recorded_whole_without_its_vector(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(ANSWER)
    client = EMBEDDINGS.client(provider)

    result = EMBEDDINGS.create(client, "Hi")

    assert len(result.data[0].embedding) == 1536
    assert priced(whole(recorded.span())) == common(
        EMBEDDINGS,
        provider,
        **{
            "gen_ai.request.encoding_formats": ["base64"],
            "gen_ai.usage.input_tokens": 1,
            "gen_ai.usage.output_tokens": 0,
            "llmtrace.request_id": provider_request_id(recorded),
            "llmtrace.cost.input_usd": 0.00000002,
            "llmtrace.cost.output_usd": 0.0,
            "llmtrace.cost.total_usd": 0.00000002,
            "llmtrace.request.body": {
                "model": "text-embedding-3-small",
                "input": "Hi",
                "encoding_format": "base64",
            },
            "llmtrace.response.body": {
                "object": "list",
                "model": "text-embedding-3-small",
                "data": [
                    {
                        "object": "embedding",
                        "index": 0,
                        "embedding": {"dimensions": 1536, "encoding": "base64"},
                    }
                ],
                "usage": {"prompt_tokens": 1, "total_tokens": 1},
            },
            "llmtrace.usage.raw": {"prompt_tokens": 1, "total_tokens": 1},
        },
    )


def provider_request_id(recorded: Recorded) -> str:
    """Return the request id, which an embedding's result does not show to its caller."""
    request_id = recorded.attributes()["llmtrace.request_id"]
    assert request_id.startswith("req_")
    return request_id


def test_a_message_is_recorded_whole(provider: LocalProvider, recorded: Recorded) -> None:
    provider.enqueue(ANSWER)
    client = MESSAGES.client(provider)

    result = MESSAGES.create(client, "Hi")

    assert priced(whole(recorded.span())) == common(
        MESSAGES,
        provider,
        **{
            "gen_ai.request.max_tokens": 512,
            "gen_ai.response.id": result.id,
            "gen_ai.response.finish_reasons": ["end_turn"],
            "gen_ai.usage.input_tokens": 3,
            "gen_ai.usage.output_tokens": 5,
            "llmtrace.service_tier": "standard",
            "llmtrace.request_id": result._request_id,
            "llmtrace.cost.input_usd": 0.000003,
            "llmtrace.cost.output_usd": 0.000025,
            "llmtrace.cost.total_usd": 0.000028,
            "llmtrace.request.body": {
                "model": "claude-haiku-4-5",
                "max_tokens": 512,
                "messages": [{"role": "user", "content": "Hi"}],
            },
            "llmtrace.response.body": result.model_dump(mode="json", exclude_unset=True),
            "llmtrace.usage.raw": result.usage.model_dump(mode="json", exclude_unset=True),
        },
    )


def test_fetching_a_response_is_no_second_bill(provider: LocalProvider, recorded: Recorded) -> None:
    client = RESPONSES.client(provider)
    made = RESPONSES.create(client)

    client.responses.retrieve(made.id)

    _, fetched = recorded.spans()
    attributes: dict[str, Any] = fetched["attributes"]
    assert attributes["gen_ai.operation.name"] == "fetch_response"
    assert attributes["gen_ai.response.id"] == made.id
    assert not [n for n in attributes if n.startswith(("gen_ai.usage", "llmtrace.cost"))]
