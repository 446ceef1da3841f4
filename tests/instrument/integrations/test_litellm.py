"""LiteLLM: by an SDK or by its own HTTP, each billed inference is one counted span.

LiteLLM needs an openai SDK older than the newest: a row of the version matrix runs this.
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import llmtrace
from llmtrace.clock import FixedClock
from llmtrace.testing.provider import LocalProvider, faults
from tests.instrument.recording import Recorded

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks the network on import
litellm = pytest.importorskip("litellm", reason="litellm runs in a row of the version matrix")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MESSAGES = [{"role": "user", "content": "Where is my parcel?"}]
COUNTED = "llmtrace.usage.source"
STILL = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))


def route(provider: LocalProvider, name: str) -> dict[str, Any]:
    """Return the arguments that send a provider's models to the local one."""
    return {
        "anthropic": {
            "model": "anthropic/claude-haiku-4-5",
            "api_base": provider.url,
            "max_tokens": 100,
        },
        "gemini": {
            "model": "gemini/gemini-2.5-flash",
            "api_base": f"{provider.url}/v1beta",
        },
        "ollama": {"model": "ollama_chat/llama3.2", "api_base": provider.url},
    }[name] | {"api_key": "any", "messages": MESSAGES}


ROUTES = ("gemini", "ollama")
APIS = {
    "gemini": ("gemini.generate_content", "gcp.gemini"),
    "ollama": ("ollama.chat", "ollama"),
}


@pytest.fixture
def cache() -> Iterator[None]:
    litellm.cache = litellm.Cache(type="local")
    litellm.enable_cache()
    yield
    litellm.disable_cache()
    litellm.cache = None


def counted(recorded: Recorded) -> list[dict[str, Any]]:
    return [span for span in recorded.spans() if COUNTED in span["attributes"]]


@pytest.mark.parametrize("name", ROUTES)
def test_a_call_is_one_counted_span(name: str, provider: LocalProvider, recorded: Recorded) -> None:
    answer = litellm.completion(**route(provider, name))

    (span,) = recorded.spans()
    attributes = span["attributes"]
    assert (attributes["llmtrace.api"], attributes["gen_ai.provider.name"]) == APIS[name]
    assert attributes["gen_ai.usage.input_tokens"] == answer.usage.prompt_tokens
    assert attributes["gen_ai.usage.output_tokens"] == answer.usage.completion_tokens
    assert attributes["llmtrace.cost.source"] == "list"
    assert "Where is my parcel?" in attributes["llmtrace.request.body"]


@pytest.mark.parametrize("name", ROUTES)
def test_an_async_call_too(name: str, provider: LocalProvider, recorded: Recorded) -> None:
    asyncio.run(litellm.acompletion(**route(provider, name)))

    assert len(counted(recorded)) == len(recorded.spans()) == 1


@pytest.mark.parametrize("name", ROUTES)
def test_a_stream_is_one_counted_span(
    name: str, provider: LocalProvider, recorded: Recorded
) -> None:
    text = "".join(
        chunk.choices[0].delta.content or ""
        for chunk in litellm.completion(**route(provider, name), stream=True)
    )

    (span,) = recorded.spans()
    assert text
    assert span["attributes"]["llmtrace.stream.outcome"] == "completed"
    assert span["attributes"]["gen_ai.usage.output_tokens"] > 0


def seen(name: str, *, is_async: bool, stream: bool) -> list[Any]:
    """Return what an app sees of one call, without the times and ids that LiteLLM makes up."""

    async def waited(provider: LocalProvider) -> list[Any]:
        answer = await litellm.acompletion(**route(provider, name), stream=stream)
        return [chunk async for chunk in answer] if stream else [answer]

    with LocalProvider(clock=STILL) as provider:
        if is_async:
            items = asyncio.run(waited(provider))
        else:
            answer = litellm.completion(**route(provider, name), stream=stream)
            items = list(answer) if stream else [answer]
    return [(type(item), item.model_dump(exclude={"id", "created"})) for item in items]


def refused(status: int) -> tuple[type, str]:
    """Return the exception that an app gets."""
    with LocalProvider(clock=STILL) as provider:
        provider.enqueue(faults.refused(status))
        with pytest.raises(Exception) as error:  # noqa: PT011  # compared by the caller
            litellm.completion(**route(provider, "anthropic"))
    return error.type, str(error.value)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("name", ["anthropic", *ROUTES])
def test_the_app_sees_the_same_with_and_without(
    name: str, tmp_path: Path, *, stream: bool, is_async: bool
) -> None:
    bare = seen(name, is_async=is_async, stream=stream)
    llmtrace.instrument(home=tmp_path)

    watched = seen(name, is_async=is_async, stream=stream)

    assert watched == bare
    assert len(counted(Recorded(tmp_path))) == 1


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_the_app_gets_the_same_exception(tmp_path: Path, status: int) -> None:
    bare = refused(status)
    llmtrace.instrument(home=tmp_path)

    assert refused(status) == bare


def test_what_is_tried_again_is_billed_once(provider: LocalProvider, recorded: Recorded) -> None:
    provider.enqueue(faults.rate_limited(times=1))

    litellm.completion(**route(provider, "anthropic"), num_retries=2)

    assert len(counted(recorded)) == 1


def test_an_answer_from_the_cache_costs_nothing(
    cache: None, provider: LocalProvider, recorded: Recorded
) -> None:
    asked = route(provider, "anthropic")
    first = litellm.completion(**asked, caching=True)
    again = litellm.completion(**asked, caching=True)

    paid, cached = (span["attributes"] for span in recorded.spans())
    assert again.choices[0].message.content == first.choices[0].message.content
    assert len(provider.requests) == 1
    assert paid["llmtrace.cost.total_usd"] > 0
    assert cached["llmtrace.cost.total_usd"] == 0
    assert (cached["llmtrace.cache.status"], cached["llmtrace.cache.name"]) == ("hit", "litellm")
    assert cached["gen_ai.usage.input_tokens"] == paid["gen_ai.usage.input_tokens"]


def test_a_mock_is_no_call(recorded: Recorded) -> None:
    litellm.completion(model="gpt-4o-mini", messages=MESSAGES, mock_response="Hi")

    assert recorded.spans() == []
