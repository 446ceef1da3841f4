"""What the contract does not ask of the cohere SDK: other endpoints, batches, Amazon's clients."""

from __future__ import annotations

import asyncio
import gc
import io
import json
from typing import TYPE_CHECKING, Any

import cohere
import httpx
import pytest

import llmtrace
from llmtrace.testing.provider import Reply, faults
from tests.instrument.contract.apis_cohere import client_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded

ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
UNITS = "llmtrace.usage.units."


@pytest.fixture(autouse=True)
def collected_after() -> Iterator[None]:
    """Collect the clients of a test with it: they refer to themselves, and have sockets open."""
    yield
    gc.collect()


@pytest.mark.parametrize(
    ("version", "call", "expected"),
    [
        (
            2,
            lambda c: c.rerank(model="rerank-v3.5", query="q", documents=["a", "b"]),
            ("rerank", "cohere.rerank", {UNITS + "search_units": 1}),
        ),
        (
            1,
            lambda c: c.rerank(model="rerank-v3.5", query="q", documents=["a"]),
            ("rerank", "cohere.rerank", {UNITS + "search_units": 1}),
        ),
        (
            1,
            lambda c: c.generate(model="command", prompt="Ahoy"),
            ("text_completion", "cohere.chat_v1", {"gen_ai.usage.output_tokens": 8}),
        ),
        (
            1,
            lambda c: c.summarize(model="command", text="A long text. " * 30),
            ("text_completion", "cohere.chat_v1", {"gen_ai.usage.output_tokens": 8}),
        ),
        (
            1,
            lambda c: c.classify(model="embed", inputs=["a", "b"]),
            ("classification", "cohere.chat_v1", {UNITS + "classifications": 2}),
        ),
        (
            2,
            lambda c: c.audio.transcriptions.create(
                model="transcribe", language="en", file=("a.mp3", io.BytesIO(b"ID3"))
            ),
            ("transcription", "openai.transcription", {}),
        ),
    ],
    ids=["rerank", "rerank v1", "generate", "summarize", "classify", "transcribe"],
)
def test_every_other_inference_is_one_call_with_what_is_billed(
    provider: LocalProvider,
    recorded: Recorded,
    version: int,
    call: Callable[[Any], object],
    expected: tuple[str, str, dict[str, object]],
) -> None:
    operation, api, billed = expected

    call(client_of(provider, version=version))

    attributes = recorded.attributes()
    assert attributes["gen_ai.operation.name"] == operation
    assert attributes["llmtrace.api"] == api
    assert attributes["gen_ai.provider.name"] == "cohere"
    assert attributes["gen_ai.request.model"]
    assert {name: attributes.get(name) for name in billed} == billed


def test_parsed_pages_are_billed(provider: LocalProvider, recorded: Recorded) -> None:
    client = client_of(provider)
    if not hasattr(client, "parse"):
        pytest.skip("cohere before 7 does not parse documents")

    client.parse(model="parse", document={"type": "document_url", "document_url": "https://a.b"})

    attributes = recorded.attributes()
    assert (attributes["gen_ai.operation.name"], attributes["llmtrace.api"]) == (
        "ocr",
        "cohere.parse",
    )


def test_a_raw_stream_is_watched_like_any(provider: LocalProvider, recorded: Recorded) -> None:
    client = client_of(provider)

    with client.with_raw_response.chat_stream(**ASKED) as response:
        assert len(list(response.data)) > 3

    attributes = recorded.attributes()
    assert attributes["llmtrace.stream.outcome"] == "completed"
    assert attributes["gen_ai.usage.output_tokens"] > 0


def test_a_stream_of_generate_is_lines(provider: LocalProvider, recorded: Recorded) -> None:
    said = {"text": "Ahoy", "is_finished": False, "event_type": "text-generation"}
    meta = {"billed_units": {"input_tokens": 5, "output_tokens": 1}}
    whole = {"id": "1", "generations": [{"text": "Ahoy", "finish_reason": "COMPLETE"}]}
    end = {"is_finished": True, "event_type": "stream-end", "response": {**whole, "meta": meta}}
    pieces = tuple(json.dumps(line).encode() + b"\n" for line in (said, end))
    provider.enqueue(Reply(pieces=pieces, content_type="application/stream+json"))

    list(client_of(provider, version=1).generate_stream(model="command", prompt="Hi"))

    attributes = recorded.attributes()
    assert attributes["gen_ai.response.finish_reasons"] == ["COMPLETE"]
    assert attributes["gen_ai.usage.input_tokens"] == 5


def test_a_long_list_is_several_requests_each_a_span_below_the_apps_own(
    provider: LocalProvider, recorded: Recorded
) -> None:
    client = client_of(provider, version=1)
    texts = [f"text {number}" for number in range(200)]

    with llmtrace.attribute(user="ada"), llmtrace.trace("index"):
        answer = client.embed(texts=texts, model="embed-english-v3.0", input_type="search_document")

    *calls, step = recorded.spans()
    assert len(answer.embeddings) == 200
    assert len(calls) == len(provider.requests) == 3
    assert {call["parent_span_id"] for call in calls} == {step["span_id"]}
    assert {call["attributes"]["user.id"] for call in calls} == {"ada"}
    assert all('"embeddings":[[' not in c["attributes"]["llmtrace.response.body"] for c in calls)


def test_the_clients_pool_stays_a_pool_and_harmless_afterwards(
    provider: LocalProvider, recorded: Recorded
) -> None:
    client = client_of(provider, version=1)
    pool = client._executor
    asked: dict[str, Any] = {"model": "embed-english-v3.0", "input_type": "search_document"}
    client.embed(texts=["a"], **asked)
    assert isinstance(client._executor, type(pool))

    llmtrace.uninstrument()
    client.embed(texts=["a"], **asked)

    assert recorded
    assert len(provider.requests) == 2


def test_async_batches_are_below_the_apps_span_too(
    provider: LocalProvider, recorded: Recorded
) -> None:
    async def call() -> None:
        client = client_of(provider, version=1, is_async=True)
        with llmtrace.trace("index"):
            await client.embed(
                texts=["a"] * 100, model="embed-english-v3.0", input_type="search_document"
            )

    asyncio.run(call())

    *calls, step = recorded.spans()
    assert [call["parent_span_id"] for call in calls] == [step["span_id"]] * 2


def test_an_error_without_a_message_says_what_the_body_says(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.refused(404, "model 'm' not found"))

    with pytest.raises(cohere.NotFoundError):
        client_of(provider).chat(**ASKED)

    assert recorded.span()["status_message"] == "model 'm' not found"


# --- Amazon's clients -----------------------------------------------------------------------------


def amazon(answer: Callable[[httpx.Request], httpx.Response], name: str) -> Any:
    """Return one of the SDK's clients for Amazon, whose requests ``answer`` gets."""
    client = getattr(cohere, name)(aws_access_key="a", aws_secret_key="b", aws_region="us-east-1")
    client._client_wrapper.httpx_client.httpx_client._transport = httpx.MockTransport(answer)
    return client


def test_a_call_by_bedrock_has_amazons_host_and_the_tokens_of_its_headers(
    recorded: Recorded,
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/model/cohere.command-r-v1:0/invoke"
        headers = {
            "content-type": "application/json",
            "x-amzn-bedrock-input-token-count": "12",
            "x-amzn-bedrock-output-token-count": "3",
        }
        body = {"text": "Ahoy", "generation_id": "g", "finish_reason": "COMPLETE"}
        return httpx.Response(200, json=body, headers=headers)

    client = amazon(answer, "BedrockClient")
    result = client.chat(model="cohere.command-r-v1:0", message="Hi")

    attributes = recorded.attributes()
    assert result.text == "Ahoy"
    assert attributes["gen_ai.provider.name"] == "aws.bedrock"
    assert attributes["gen_ai.request.model"] == "cohere.command-r-v1:0"
    assert attributes["server.address"] == "bedrock-runtime.us-east-1.amazonaws.com"
    assert attributes["gen_ai.usage.input_tokens"] == 12
    assert attributes["gen_ai.usage.output_tokens"] == 3


def test_a_call_by_sagemaker_is_no_call_by_bedrock(recorded: Recorded) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/endpoints/mine/invocations"
        body = {"text": "Ahoy", "generation_id": "g", "finish_reason": "COMPLETE"}
        return httpx.Response(200, json=body)

    amazon(answer, "SagemakerClient").chat(model="mine", message="Hi")

    assert recorded.attributes()["gen_ai.provider.name"] == "aws.sagemaker"
