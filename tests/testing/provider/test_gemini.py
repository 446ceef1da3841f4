"""Google's APIs at the local provider: paths, answers, counts, errors and credentials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from llmtrace.testing.provider import Answer, LocalProvider, Reply, gemini, gemini_routes
from llmtrace.testing.provider.gemini_interactions import read_prompt as read_interaction
from llmtrace.testing.provider.gemini_lookups import count
from llmtrace.testing.provider.gemini_usage import cache_name, cached_tokens, media_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = {"x-goog-api-key": "any"}
HELLO: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Where is my parcel?"}]}]}
VERTEX = "/v1/projects/p/locations/l/publishers/google/models/"


@pytest.fixture
def provider() -> Iterator[LocalProvider]:
    with LocalProvider() as running:
        yield running


def post(
    provider: LocalProvider, path: str, body: dict[str, Any], headers: dict[str, str] = KEY
) -> httpx2.Response:
    return httpx2.post(provider.url + path, json=body, headers=headers)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1beta/models/gemini-2.0-flash:generateContent", ("serviceTier", "standard")),
        (VERTEX + "gemini-2.0-flash:generateContent", ("trafficType", "ON_DEMAND")),
        (
            "/v1/publishers/google/models/gemini-2.0-flash:generateContent",
            ("trafficType", "ON_DEMAND"),
        ),
    ],
)
def test_each_cloud_answers_at_its_paths_and_tells_its_tier(
    provider: LocalProvider, path: str, told: tuple[str, str]
) -> None:
    body = post(provider, path, HELLO).json()

    usage = body["usageMetadata"]
    assert body["modelVersion"] == "gemini-2.0-flash"
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"]
    assert usage[told[0]] == told[1]


def test_models_that_think_do_so_and_count_it_apart(provider: LocalProvider) -> None:
    usage = post(provider, VERTEX + "gemini-2.5-pro:generateContent", HELLO).json()["usageMetadata"]

    assert usage["thoughtsTokenCount"] > 0
    assert usage["totalTokenCount"] == sum(
        usage[name] for name in ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    )


def test_a_streams_last_chunk_has_the_finish_and_all_of_the_usage(provider: LocalProvider) -> None:
    path = "/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse"

    answer = post(provider, path, HELLO)

    chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data:")]
    whole = post(provider, path.replace("streamG", "g"), HELLO).json()
    texts = [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "finishReason" not in chunks[0]["candidates"][0]
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    assert "".join(texts) == whole["candidates"][0]["content"]["parts"][0]["text"]
    assert chunks[-1]["usageMetadata"] == whole["usageMetadata"]


def test_tools_are_called_with_an_object(provider: LocalProvider) -> None:
    schema = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
    tools = [{"functionDeclarations": [{"name": "weather", "parameters": schema}]}]

    path = "/v1beta/models/gemini-2.0-flash:generateContent"
    body = post(provider, path, {**HELLO, "tools": tools}).json()

    (part,) = body["candidates"][0]["content"]["parts"]
    assert part["functionCall"]["name"] == "weather"
    assert "city" in part["functionCall"]["args"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "name"),
    [
        ({}, KEY, 400, "INVALID_ARGUMENT"),
        ({"contents": [{"role": "ghost", "parts": []}]}, KEY, 400, "INVALID_ARGUMENT"),
        (HELLO, {"x-goog-api-key": "invalid"}, 401, "UNAUTHENTICATED"),
        (HELLO, {}, 401, "UNAUTHENTICATED"),
    ],
)
def test_what_is_wrong_is_refused_in_googles_shape(
    provider: LocalProvider, body: dict[str, Any], headers: dict[str, str], status: int, name: str
) -> None:
    answer = post(provider, "/v1beta/models/gemini-2.0-flash:generateContent", body, headers)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (status, status, name)
    assert provider.requests[0].headers.get("x-goog-api-key", "***") == "***"


def test_a_cached_content_says_how_much_it_holds() -> None:
    name = cache_name("ab" * 20, 1_234)

    assert cached_tokens({"cachedContent": name}) == 1_234
    assert cached_tokens({"cachedContent": "cachedContents/else"}) == cached_tokens({}) == 0


def test_media_are_counted_by_their_kind() -> None:
    parts = [{"inlineData": {"mimeType": kind}} for kind in ("image/png", "image/x", "audio/wav")]

    assert media_tokens({"contents": [{"parts": parts}]}) == {"IMAGE": 516, "AUDIO": 32}


def test_counting_embedding_drawing_and_storing_answer(provider: LocalProvider) -> None:
    root = "/v1beta/models/"

    counted = post(provider, root + "m:countTokens", HELLO).json()
    content = {"parts": [{"text": "eight ch"}]}
    embedded = post(provider, root + "m:embedContent", {"content": content}).json()
    many = post(provider, root + "m:batchEmbedContents", {"requests": [{"content": content}] * 2})
    drawn = post(provider, root + "imagen:predict", {"parameters": {"sampleCount": 2}}).json()
    begun = post(provider, root + "veo:predictLongRunning", {}).json()
    stored = post(provider, "/v1beta/cachedContents", HELLO).json()

    assert counted["totalTokens"] == stored["usageMetadata"]["totalTokenCount"] > 0
    assert embedded["usageMetadata"]["promptTokenCount"] == 2
    assert len(many.json()["embeddings"]) == 2
    assert [each["mimeType"] for each in drawn["predictions"]] == ["image/png"] * 2
    assert begun["name"].startswith("models/veo/operations/")


def test_an_interaction_ends_with_its_usage(provider: LocalProvider) -> None:
    provider.enqueue(Reply(answer=Answer(text="On its way.")))

    answer = post(provider, "/v1beta/interactions", {"model": "m", "input": "Hi", "stream": True})

    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data:")]
    last = json.loads(events[-2])
    assert events[-1] == "[DONE]"
    assert last["event_type"] == "interaction.completed"
    assert last["interaction"]["usage"]["total_output_tokens"] == 3


def test_an_interactions_input_is_read_in_every_form() -> None:
    blocks = [{"type": "text", "text": "Hi"}, {"type": "function_result", "result": "sunny"}]

    assert read_interaction({"input": "Hi"}).user_text == "Hi"
    assert read_interaction({"input": blocks}).tool_results == ("sunny",)


def test_schemas_are_read_in_googles_spelling() -> None:
    plain = gemini.plain_schema({"type": "OBJECT", "anyOf": [{"type": "STRING"}]})

    assert plain == {"type": "object", "anyOf": [{"type": "string"}]}
    assert any(route.answer is count for route in gemini_routes.ROUTES)
