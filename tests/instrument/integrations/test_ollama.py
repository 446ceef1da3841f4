"""What the contract does not ask of the ollama SDK: the module's functions, hosts, leaving."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import TYPE_CHECKING, Any

import httpx
import ollama
import pytest

from llmtrace.testing.provider import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded

HI: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]


@pytest.fixture(autouse=True)
def collected_after() -> Iterator[None]:
    """Collect the clients of a test with it: they have sockets open."""
    yield
    gc.collect()


def test_functions_of_the_module_are_methods_of_a_client(
    provider: LocalProvider, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ollama.chat  # as an app has it that imported it before us
    monkeypatch.setattr(kept.__self__._client, "base_url", provider.url)

    kept(model="llama3.2", messages=HI)
    list(ollama.chat(model="llama3.2", messages=HI, stream=True))

    plain, streamed = recorded.spans()
    assert plain["attributes"]["gen_ai.provider.name"] == "ollama"
    assert streamed["attributes"]["llmtrace.stream.outcome"] == "completed"


def test_the_old_embeddings_are_recorded_without_their_vector(
    provider: LocalProvider, recorded: Recorded
) -> None:
    ollama.Client(host=provider.url).embeddings(model="nomic-embed-text", prompt="Hi")

    attributes = recorded.attributes()
    assert attributes["gen_ai.operation.name"] == "embeddings"
    assert json.loads(attributes["llmtrace.response.body"])["embedding"]["dimensions"] == 768


def test_a_stream_that_is_never_begun_is_no_call(
    provider: LocalProvider, recorded: Recorded
) -> None:
    stream: Any = ollama.Client(host=provider.url).chat(model="m", messages=HI, stream=True)
    stream.close()

    assert not provider.requests
    assert recorded.spans() == []


def test_an_error_inside_a_stream_is_the_exception_that_the_app_gets(
    provider: LocalProvider, recorded: Recorded
) -> None:
    said = {"model": "m", "message": {"role": "assistant", "content": "Ahoy"}, "done": False}
    pieces = tuple(json.dumps(x).encode() + b"\n" for x in (said, {"error": "out of memory"}))
    provider.enqueue(Reply(pieces=pieces, content_type="application/x-ndjson"))

    with pytest.raises(ollama.ResponseError):
        list(ollama.Client(host=provider.url).chat(model="m", messages=HI, stream=True))

    span = recorded.span()
    assert span["attributes"]["error.type"] == "ollama.ResponseError"
    assert span["attributes"]["llmtrace.stream.outcome"] == "failed"
    assert span["status_message"] == "out of memory"


@pytest.mark.parametrize(
    ("host", "expected", "cost"),
    [
        ("https://ollama.com", "ollama_cloud", "unpriced"),
        ("http://localhost:11434", "ollama", "list"),
        ("http://gpu.example.org:11434", "ollama", "list"),
    ],
)
def test_only_ollamas_cloud_costs_something(
    recorded: Recorded, host: str, expected: str, cost: str
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        counts = {"prompt_eval_count": 5, "eval_count": 2}
        said = {"role": "assistant", "content": "Ahoy"}
        return httpx.Response(200, json={"model": "m", "message": said, "done": True, **counts})

    client = ollama.Client(host=host, transport=httpx.MockTransport(answer))
    client.chat(model="gpt-oss:120b", messages=HI)

    attributes = recorded.attributes()
    assert attributes["gen_ai.provider.name"] == expected
    assert attributes["llmtrace.cost.source"] == cost
    assert attributes.get("llmtrace.cost.total_usd", 0.0) == 0.0


def test_an_async_stream_that_is_left_ends_once(
    provider: LocalProvider, recorded: Recorded
) -> None:
    async def read() -> None:
        client = ollama.AsyncClient(host=provider.url)
        stream: Any = await client.generate(model="m", prompt="Hi", stream=True)
        async for _ in stream:
            break
        await stream.aclose()

    asyncio.run(read())

    assert recorded.attributes()["llmtrace.stream.outcome"] == "abandoned"


def test_what_is_no_inference_is_not_recorded(provider: LocalProvider, recorded: Recorded) -> None:
    with pytest.raises(ollama.ResponseError):  # the local provider has no models to show
        ollama.Client(host=provider.url).show("m")

    assert recorded.spans() == []
