"""The google-genai SDK where it differs from others: loops, paths, clouds, aiohttp."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import TYPE_CHECKING, Any

import pytest
from google.genai import types

import llmtrace
from llmtrace import semconv
from llmtrace.instrument.integrations import google_genai
from llmtrace.testing.provider import Answer, Reply, ToolCall, UsageFrom, faults
from tests.instrument.contract.apis_google_genai import client_of

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded

pytestmark = pytest.mark.filterwarnings("ignore")  # the SDK announces what it will take out
MODEL = "gemini-2.5-flash"
CALL = Reply(answer=Answer(tool_calls=(ToolCall(name="find", arguments='{"number": "A1"}'),)))


def find(number: str) -> str:
    """Find a parcel."""
    return f"{number} is in Lyon"


def tokens(spans: list[dict[str, Any]], name: str) -> list[int]:
    return [span["attributes"][f"gen_ai.usage.{name}_tokens"] for span in spans]


# --- one span for each inference that is billed ---------------------------------------------------


def test_function_calling_by_itself_is_one_counted_span_for_each_request(
    provider: LocalProvider, recorded: Recorded, is_streamed: bool
) -> None:
    # given: a model that calls the app's function twice before it answers
    provider.enqueue(CALL, CALL)
    chat = client_of(provider).chats.create(model=MODEL, config={"tools": [find]})

    # when
    if is_streamed:
        said = "".join(chunk.text or "" for chunk in chat.send_message_stream("Where is A1?"))
    else:
        said = chat.send_message("Where is A1?").text

    # then
    spans = recorded.spans()
    assert said
    assert len(provider.requests) == 3
    assert [span["name"] for span in spans] == [f"generate_content {MODEL}"] * 3
    assert tokens(spans, "input") == sorted(tokens(spans, "input"))
    assert len(set(tokens(spans, "input"))) == 3
    assert {span["parent_span_id"] for span in spans} == {None}


@pytest.fixture(params=[False, True], ids=["plain", "streamed"])
def is_streamed(request: pytest.FixtureRequest) -> bool:
    return request.param


def test_function_calling_by_itself_in_a_step_has_all_its_requests_below_it(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(CALL)

    async def ask() -> None:
        client = client_of(provider, is_async=True)
        chat = client.chats.create(model=MODEL, config={"tools": [find]})
        with llmtrace.trace("answer a customer"):
            await chat.send_message("Where is A1?")
        await client.aclose()

    asyncio.run(ask())

    spans = recorded.spans()
    (step,) = [span for span in spans if span["name"] == "answer a customer"]
    calls = [span for span in spans if span is not step]
    assert len(calls) == len(provider.requests) == 2
    assert {span["parent_span_id"] for span in calls} == {step["span_id"]}


def test_a_chat_bills_each_message_with_what_was_said_before(
    provider: LocalProvider, recorded: Recorded
) -> None:
    chat = client_of(provider).chats.create(model=MODEL)

    for text in ("Where is my parcel?", "And my refund?", "Thanks!"):
        chat.send_message(text)

    first, second, third = tokens(recorded.spans(), "input")
    assert first < second < third


# --- where, and what model ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("v1beta/models/gemini-2.5-flash:generateContent", "gemini-2.5-flash"),
        ("v1beta/tunedModels/mine:generateContent", "tunedModels/mine"),
        (
            "v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:predict",
            "gemini-2.5-pro",
        ),
        ("v1/projects/p/locations/l/endpoints/123:streamGenerateContent", "endpoints/123"),
        ("v1beta/interactions", None),
    ],
)
def test_the_model_is_in_the_path(path: str, model: str | None) -> None:
    assert google_genai.model_of(f"https://host.example/{path}") == model


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("post", "/v1/models/m:generateContent", "generate_content"),
        ("post", "/v1/models/m:streamGenerateContent", "generate_content"),
        ("post", "/v1/models/m:countTokens", "count_tokens"),
        ("post", "/v1/models/m:embedContent", "embeddings"),
        ("post", "/v1/models/text-embedding-005:predict", "embeddings"),
        ("post", "/v1/models/imagen-4.0-generate-001:predict", "image_generation"),
        ("post", "/v1/models/veo-3:predictLongRunning", "video_generation"),
        ("post", "/v1beta/interactions", "generate_content"),
        ("get", "/v1beta/interactions/v1_abc", "fetch_response"),
        ("get", "/v1/models/m", None),
        ("post", "/v1beta/cachedContents", None),
        ("post", "/v1beta/interactions/v1_abc/cancel", None),
    ],
)
def test_an_endpoint_is_told_by_its_path(method: str, path: str, operation: str | None) -> None:
    found = google_genai.find_endpoint(method, path)

    assert (found.operation if found else None) == operation


def test_vertex_is_the_provider_whatever_the_host_and_its_tier_is_told(
    provider: LocalProvider, recorded: Recorded
) -> None:
    client_of(provider, vertex=True).models.generate_content(
        model=MODEL, contents="Hi", config={"service_tier": "flex"}
    )

    attributes = recorded.attributes()
    assert attributes["gen_ai.provider.name"] == "gcp.vertex_ai"
    assert attributes["llmtrace.service_tier"] == "flex"
    assert "/projects/a-project/locations/us-central1/" in provider.requests[0].path
    assert provider.requests[0].credential == "accepted"


def test_vertex_interactions_are_vertex_too(provider: LocalProvider, recorded: Recorded) -> None:
    client_of(provider, vertex=True).interactions.create(model=MODEL, input="Hi")

    assert recorded.attributes()["gen_ai.provider.name"] == "gcp.vertex_ai"


# --- what is counted ------------------------------------------------------------------------------


def test_thoughts_are_reasoning_and_billed_as_output(
    provider: LocalProvider, recorded: Recorded
) -> None:
    thinking = {"thinking_config": {"include_thoughts": True, "thinking_budget": 100}}

    answer = client_of(provider).models.generate_content(
        model=MODEL, contents="Where is my parcel?", config=thinking
    )

    attributes = recorded.attributes()
    usage = answer.usage_metadata
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == usage.thoughts_token_count == 100
    assert attributes["gen_ai.usage.output_tokens"] == 100 + usage.candidates_token_count
    body = json.loads(attributes["llmtrace.response.body"])
    assert body["candidates"][0]["content"]["parts"][0]["thought"] is True


def test_cached_content_is_read_from_the_cache(provider: LocalProvider, recorded: Recorded) -> None:
    client = client_of(provider)
    made = client.caches.create(model=MODEL, config={"contents": "word " * 2_000})

    client.models.generate_content(
        model=MODEL, contents="Sum it up.", config={"cached_content": made.name}
    )

    attributes = recorded.attributes()  # storing is no inference: one span
    cached = made.usage_metadata.total_token_count
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == cached > 2_000
    assert attributes["llmtrace.cache.status"] == "hit"


def test_a_prompt_that_begins_as_one_before_is_a_hit(
    provider: LocalProvider, recorded: Recorded
) -> None:
    client = client_of(provider)
    for _ in range(2):
        client.models.generate_content(model=MODEL, contents="word " * 2_000)

    first, second = (span["attributes"] for span in recorded.spans())
    assert first["gen_ai.usage.cache_read.input_tokens"] == 0
    assert second["gen_ai.usage.cache_read.input_tokens"] > 1_024
    assert second["llmtrace.cost.total_usd"] < first["llmtrace.cost.total_usd"]


def test_a_picture_is_counted_apart(provider: LocalProvider, recorded: Recorded) -> None:
    picture = types.Part.from_bytes(data=b"\x89PNG", mime_type="image/png")

    client_of(provider).models.generate_content(model=MODEL, contents=["What is this?", picture])

    assert recorded.attributes()["gen_ai.usage.image.input_tokens"] == 258


def test_pictures_that_are_drawn_are_counted_and_not_kept(
    provider: LocalProvider, recorded: Recorded
) -> None:
    answer = client_of(provider, vertex=True).models.generate_images(
        model="imagen-4.0-generate-001", prompt="a parcel", config={"number_of_images": 3}
    )

    attributes = recorded.attributes()
    body = json.loads(attributes["llmtrace.response.body"])
    assert len(answer.generated_images) == 3
    assert answer.generated_images[0].image.image_bytes.startswith(b"\x89PNG")
    assert attributes["gen_ai.operation.name"] == "image_generation"
    assert attributes["gen_ai.request.model"] == "imagen-4.0-generate-001"
    assert attributes["llmtrace.usage.units.images"] == 3
    assert body["predictions"][0]["bytesBase64Encoded"] == {"bytes": 72}


def test_vertex_older_embeddings_are_counted_and_not_kept(
    provider: LocalProvider, recorded: Recorded
) -> None:
    client_of(provider, vertex=True).models.embed_content(
        model="text-embedding-005", contents=["four", "eight char"]
    )

    attributes = recorded.attributes()
    body = json.loads(attributes["llmtrace.response.body"])
    assert attributes["gen_ai.operation.name"] == "embeddings"
    assert attributes["gen_ai.usage.input_tokens"] == 1 + 3
    assert body["predictions"][1]["embeddings"]["values"] == {
        "dimensions": 768,
        "encoding": "float",
    }


def test_a_video_is_submitted_once(provider: LocalProvider, recorded: Recorded) -> None:
    client_of(provider, vertex=True).models.generate_videos(
        model="veo-3.0-generate-001", source=types.GenerateVideosSource(prompt="a parcel")
    )

    attributes = recorded.attributes()
    assert attributes["gen_ai.operation.name"] == "video_generation"
    assert attributes["gen_ai.request.model"] == "veo-3.0-generate-001"


def test_counting_tokens_is_recorded_and_not_billed(
    provider: LocalProvider, recorded: Recorded
) -> None:
    client_of(provider).models.count_tokens(model=MODEL, contents="Where is my parcel?")

    attributes = recorded.attributes()
    assert attributes["gen_ai.operation.name"] == semconv.OP_COUNT_TOKENS
    assert not [n for n in attributes if n.startswith(("gen_ai.usage", "llmtrace.cost"))]


def test_a_blocked_prompt_ends_with_the_reason(provider: LocalProvider, recorded: Recorded) -> None:
    blocked = {
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9},
        "modelVersion": MODEL,
    }
    provider.enqueue(Reply(json=blocked))

    client_of(provider).models.generate_content(model=MODEL, contents="no")

    span = recorded.span()
    assert span["attributes"]["gen_ai.response.finish_reasons"] == ["PROHIBITED_CONTENT"]
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 9
    assert span["status"] == "unset"


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        "many",
        {"promptTokenCount": None},
        {"promptTokenCount": -5},
        [1],
        UsageFrom.NOWHERE,
    ],
)
def test_odd_usage_is_no_fault(
    provider: LocalProvider, recorded: Recorded, usage: object, is_streamed: bool
) -> None:
    provider.enqueue(Reply(usage=usage))
    models = client_of(provider).models

    try:
        if is_streamed:
            list(models.generate_content_stream(model=MODEL, contents="Hi"))
        else:
            models.generate_content(model=MODEL, contents="Hi")
    except Exception:  # noqa: BLE001, S110  # the SDK may refuse it; what matters is below
        pass

    gc.collect()  # version 2 leaves a stream that it refuses to the collector
    assert recorded.span()["attributes"]["gen_ai.request.model"] == MODEL
    assert recorded.faults() == {}


# --- aiohttp --------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_httpx", [False, True], ids=["aiohttp", "httpx"])
def test_async_retries_are_attempts_of_one_call(
    provider: LocalProvider, recorded: Recorded, is_streamed: bool, is_httpx: bool
) -> None:
    provider.enqueue(faults.rate_limited(times=2))

    async def ask() -> None:
        client = client_of(provider, is_async=True, retries=3, httpx=is_httpx)
        if is_streamed:
            stream = await client.models.generate_content_stream(model=MODEL, contents="Hi")
            async for _ in stream:
                pass
        else:
            await client.models.generate_content(model=MODEL, contents="Hi")
        await client.aclose()

    asyncio.run(ask())

    span = recorded.span()
    assert span["attributes"]["llmtrace.retry.count"] == 2
    assert [event["attributes"]["http.response.status_code"] for event in span["events"]] == [
        429
    ] * 2
    assert span["attributes"]["http.response.status_code"] == 200
    assert span["attributes"]["gen_ai.usage.input_tokens"] > 0


def test_aiohttp_hands_on_the_same_bytes_by_every_way_of_reading(
    provider: LocalProvider, recorded: Recorded
) -> None:
    # given: an app that reads the SDK's own session itself, inside of no call
    provider.enqueue(*[Reply(body=b"one\ntwo\nthree", chunk_bytes=3) for _ in range(2)])

    async def ask() -> bytes:
        client = client_of(provider, is_async=True)
        session = await client._api_client._get_aiohttp_session()
        async with session.post(provider.url + "/v1/models/m:generateContent", json={}) as answer:
            read = await answer.content.read()
        await client.aclose()
        return read

    assert asyncio.run(ask()) == b"one\ntwo\nthree"
    assert recorded.spans() == []


def test_a_host_that_does_not_answer_is_an_error_by_aiohttp(recorded: Recorded) -> None:
    from google import genai

    async def ask() -> None:
        options = types.HttpOptions(
            base_url="http://127.0.0.1:9",
            retry_options=types.HttpRetryOptions(attempts=2, initial_delay=0.01, max_delay=0.02),
        )
        client = genai.Client(api_key="any", http_options=options)
        try:
            await client.aio.models.generate_content(model=MODEL, contents="Hi")
        finally:
            await client.aio.aclose()

    with pytest.raises(Exception, match=r"127\.0\.0\.1"):
        asyncio.run(ask())

    span = recorded.span()
    assert span["attributes"]["error.type"] == "aiohttp.ClientConnectorError"
    assert span["attributes"]["llmtrace.retry.count"] == 1


# --- interactions ---------------------------------------------------------------------------------


def test_raw_responses_of_interactions_are_recorded(
    provider: LocalProvider, recorded: Recorded
) -> None:
    client = client_of(provider)

    client.interactions.with_raw_response.create(model=MODEL, input="Hi")

    attributes = recorded.attributes()
    assert attributes["gen_ai.response.model"] == MODEL
    assert attributes["gen_ai.usage.output_tokens"] > 0


def test_continued_interactions_are_one_span_for_each_hop(
    provider: LocalProvider, recorded: Recorded
) -> None:
    # given: an answer that stops at the limit of one request
    usage = {"total_tokens": 5, "total_input_tokens": 2, "total_output_tokens": 3}
    first = {
        "id": "v1_first",
        "status": "requires_continuation",
        "continuation_token": "t1",
        "object": "interaction",
        "model": MODEL,
        "usage": usage,
        "steps": [],
    }
    provider.enqueue(Reply(json=first))

    whole = client_of(provider).interactions.create(model=MODEL, input="Hi")

    spans = recorded.spans()
    assert len(provider.requests) == len(spans) == 2
    assert spans[0]["attributes"]["gen_ai.response.finish_reasons"] == ["requires_continuation"]
    assert sum(tokens(spans, "output")) == whole.usage.total_output_tokens + (
        whole.usage.total_thought_tokens or 0
    )
