"""OpenAI beyond chat, with the real SDK: each endpoint is one span that says what it cost, or none.

Every call is made by the sync and by the async client.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

from llmtrace import semconv
from llmtrace.testing.provider import LocalProvider, Reply
from llmtrace.testing.provider.openai_media import HEARD, PICTURE, SOUND

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.instrument.recording import Recorded

# Endpoints that the SDK calls deprecated are called all the same.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SECRET_FILE = b"the sound of a secret " * 50


def form_file() -> tuple[str, io.BytesIO]:
    return "voice.mp3", io.BytesIO(SECRET_FILE)


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, provider: LocalProvider) -> Callable[..., Any]:
    """Return a function that makes one call, reads all of a stream, and returns what came."""
    options: dict[str, Any] = {"base_url": provider.openai_url, "api_key": "k", "max_retries": 0}

    def sync(ask: Any) -> Any:
        with openai.OpenAI(**options) as client:
            result = ask(client)
            return list(result) if hasattr(result, "__next__") else result

    async def awaited(ask: Any) -> Any:
        async with openai.AsyncOpenAI(**options) as client:
            result = ask(client)
            result = await result if inspect.isawaitable(result) else result
            return [each async for each in result] if hasattr(result, "__anext__") else result

    return sync if request.param == "sync" else lambda ask: asyncio.run(awaited(ask))


def units(attributes: dict[str, Any]) -> dict[str, float]:
    prefix = semconv.USAGE_UNITS_PREFIX
    return {k.removeprefix(prefix): v for k, v in attributes.items() if k.startswith(prefix)}


# --- images --------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_an_image_costs_its_tokens_and_is_not_kept(
    call: Callable[..., Any], recorded: Recorded, *, stream: bool
) -> None:
    made = call(lambda c: c.images.generate(model="gpt-image-1", prompt="a red cat", stream=stream))

    attributes = recorded.attributes()
    # "a red cat" is 3 tokens at 5 USD a million, the picture 1056 at 40
    assert attributes[semconv.COST_TOTAL] == pytest.approx(0.042255)
    assert attributes[semconv.USAGE_IMAGE_OUTPUT] == 1056
    assert attributes[semconv.OPERATION_NAME] == "image_generation"
    body = json.loads(attributes[semconv.RESPONSE_BODY])
    assert body["data"] == [{"b64_json": {"left_out": "base64", "bytes": len(PICTURE)}}]
    picture = made[-1] if stream else made.data[0]
    assert len(picture.b64_json) > len(PICTURE)  # the caller got all of it
    assert picture.b64_json.encode()[:200] not in recorded.everything()


def test_images_without_tokens_are_counted(call: Callable[..., Any], recorded: Recorded) -> None:
    call(lambda c: c.images.generate(model="dall-e-2", prompt="a cat", n=2))

    assert units(recorded.attributes()) == {"images": 2}


def test_an_edit_keeps_its_fields_and_not_its_file(
    call: Callable[..., Any], recorded: Recorded, provider: LocalProvider
) -> None:
    call(lambda c: c.images.edit(model="gpt-image-1", prompt="make it blue", image=form_file()[1]))

    attributes = recorded.attributes()
    assert json.loads(attributes[semconv.REQUEST_BODY]) == {
        "model": "gpt-image-1",
        "prompt": "make it blue",
    }
    assert attributes[semconv.REQUEST_MODEL] == "gpt-image-1"
    assert SECRET_FILE in provider.requests[0].body  # sent whole
    assert SECRET_FILE[:40] not in recorded.everything()


def test_a_variation_is_an_image(call: Callable[..., Any], recorded: Recorded) -> None:
    call(lambda c: c.images.create_variation(image=form_file()[1], n=3))

    assert units(recorded.attributes()) == {"images": 3}


def test_an_image_stream_left_before_its_end_has_no_made_up_tokens(
    provider: LocalProvider, recorded: Recorded
) -> None:
    client = openai.OpenAI(base_url=provider.openai_url, api_key="k", max_retries=0)

    with client.images.generate(model="gpt-image-1", prompt="a cat", stream=True) as stream:
        next(iter(stream))

    attributes = recorded.attributes()
    assert attributes[semconv.STREAM_OUTCOME] == "abandoned"
    assert semconv.USAGE_INPUT_TOKENS not in attributes
    assert semconv.COST_TOTAL not in attributes


# --- speech --------------------------------------------------------------------------------


def test_speech_costs_its_characters_and_is_not_kept(
    call: Callable[..., Any], recorded: Recorded
) -> None:
    spoken = call(lambda c: c.audio.speech.create(model="tts-1", voice="alloy", input="Hi " * 10))

    attributes = recorded.attributes()
    assert spoken.content == SOUND
    assert units(attributes) == {"characters": 30}
    assert attributes[semconv.COST_TOTAL] == pytest.approx(30 * 15e-6)
    assert attributes[semconv.LEFT_OUT] == f"audio/mpeg; {len(SOUND)} bytes"
    assert semconv.RESPONSE_BODY not in attributes
    assert b"local sound" not in recorded.everything()


def test_speech_that_is_streamed_to_a_file_is_seen_and_not_kept(
    provider: LocalProvider, recorded: Recorded
) -> None:
    client = openai.OpenAI(base_url=provider.openai_url, api_key="k", max_retries=0)

    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input="Hello"
    ) as response:
        read = b"".join(response.iter_bytes(100))

    assert read == SOUND
    attributes = recorded.attributes()
    assert units(attributes) == {"characters": 5}
    assert attributes[semconv.LEFT_OUT] == f"audio/mpeg; {len(SOUND)} bytes"
    assert b"local sound" not in recorded.everything()


def test_speech_in_events_costs_its_tokens(provider: LocalProvider, recorded: Recorded) -> None:
    client = openai.OpenAI(base_url=provider.openai_url, api_key="k", max_retries=0)

    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input="Hello", stream_format="sse"
    ) as response:
        response.read()

    attributes = recorded.attributes()
    assert attributes[semconv.USAGE_AUDIO_OUTPUT] == 80
    assert json.loads(attributes[semconv.RESPONSE_BODY])["audio"]["bytes"] == len(SOUND)
    assert units(attributes) == {}


def test_speech_that_is_refused_costs_nothing(
    call: Callable[..., Any], recorded: Recorded, provider: LocalProvider
) -> None:
    provider.enqueue(Reply(status=429))

    with pytest.raises(openai.RateLimitError):
        call(lambda c: c.audio.speech.create(model="tts-1", voice="alloy", input="Hi"))

    span = recorded.span()
    assert span["status"] == "error"
    assert semconv.COST_TOTAL not in span["attributes"]
    assert "rate_limit_exceeded" in span["attributes"][semconv.RESPONSE_BODY]


# --- transcriptions ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "shape", "seconds", "tokens"),
    [
        ("whisper-1", "json", 3.2, 0),
        ("whisper-1", "verbose_json", 3.2, 0),
        ("gpt-4o-transcribe", "json", None, 32),
    ],
)
def test_a_transcription_costs_seconds_or_tokens(  # fixtures and cases
    call: Callable[..., Any],
    recorded: Recorded,
    model: str,
    shape: str,
    seconds: float | None,
    tokens: int,
) -> None:
    call(
        lambda c: c.audio.transcriptions.create(
            model=model, file=form_file(), response_format=shape
        )
    )

    attributes = recorded.attributes()
    assert units(attributes).get("audio_seconds") == seconds
    assert attributes.get(semconv.USAGE_AUDIO_INPUT, 0) == tokens
    assert attributes[semconv.COST_TOTAL] > 0
    assert json.loads(attributes[semconv.RESPONSE_BODY])["text"] == HEARD
    assert SECRET_FILE[:40] not in recorded.everything()


@pytest.mark.parametrize("shape", ["text", "srt", "vtt"])
def test_a_bare_text_is_an_answer_without_usage(
    call: Callable[..., Any], recorded: Recorded, shape: Any
) -> None:
    heard = call(
        lambda c: c.audio.transcriptions.create(
            model="whisper-1", file=form_file(), response_format=shape
        )
    )

    span = recorded.span()
    assert span["status"] == "unset"
    assert json.loads(span["attributes"][semconv.RESPONSE_BODY]) == {"text": heard}
    assert HEARD in heard
    assert semconv.COST_TOTAL not in span["attributes"]  # unknown, not 0


def test_a_streamed_transcript_is_put_together(
    call: Callable[..., Any], recorded: Recorded
) -> None:
    call(
        lambda c: c.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=form_file(), stream=True
        )
    )

    attributes = recorded.attributes()
    assert json.loads(attributes[semconv.RESPONSE_BODY])["text"] == HEARD
    assert attributes[semconv.USAGE_AUDIO_INPUT] == 32
    assert attributes[semconv.STREAM_OUTCOME] == "completed"


def test_a_translation_is_a_transcription(call: Callable[..., Any], recorded: Recorded) -> None:
    call(lambda c: c.audio.translations.create(model="whisper-1", file=form_file()))

    assert recorded.attributes()[semconv.OPERATION_NAME] == "transcription"


def test_an_upload_that_never_arrives_is_an_error_with_its_host(
    recorded: Recorded,
) -> None:
    client = openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0)

    with pytest.raises(openai.APIConnectionError):
        client.audio.transcriptions.create(model="whisper-1", file=form_file())

    span = recorded.span()
    assert span["attributes"][semconv.SERVER_ADDRESS] == "127.0.0.1"
    assert span["attributes"][semconv.ERROR_TYPE] == "openai.APIConnectionError"


# --- moderations, videos, and what is no inference ------------------------------------------


def test_a_moderation_is_free(call: Callable[..., Any], recorded: Recorded) -> None:
    call(lambda c: c.moderations.create(input=["attack!", "hello"]))

    attributes = recorded.attributes()
    assert attributes[semconv.OPERATION_NAME] == "moderation"
    assert attributes[semconv.COST_TOTAL] == 0
    assert attributes[semconv.RESPONSE_MODEL] == "omni-moderation-latest"


def test_a_video_is_counted_when_it_is_asked_for_and_not_when_it_is_looked_at(
    call: Callable[..., Any], recorded: Recorded
) -> None:
    video = call(lambda c: c.videos.create(model="sora-2", prompt="waves", seconds="8"))
    call(lambda c: c.videos.retrieve(video.id))

    made, looked_at = recorded.spans()
    assert units(made["attributes"]) == {"video_seconds": 8}
    assert looked_at["attributes"][semconv.OPERATION_NAME] == "fetch_response"
    assert units(looked_at["attributes"]) == {}


def test_counting_tokens_is_no_usage(call: Callable[..., Any], recorded: Recorded) -> None:
    call(lambda c: c.responses.input_tokens.count(model="gpt-5", input="Hello"))

    attributes = recorded.attributes()
    assert attributes[semconv.OPERATION_NAME] == "count_tokens"
    assert semconv.USAGE_INPUT_TOKENS not in attributes
    assert semconv.COST_SOURCE not in attributes


def test_compacting_is_billed(call: Callable[..., Any], recorded: Recorded) -> None:
    call(lambda c: c.responses.compact(model="gpt-5", input="Hello"))

    attributes = recorded.attributes()
    assert attributes[semconv.OPERATION_NAME] == "chat"
    assert attributes[semconv.COST_TOTAL] > 0


def test_a_beta_path_is_the_same_endpoint(call: Callable[..., Any], recorded: Recorded) -> None:
    call(lambda c: c.beta.responses.create(model="gpt-5", input="Hello", betas=[]))

    assert recorded.attributes()[semconv.API] == "openai.responses"


def test_files_are_not_recorded(call: Callable[..., Any], recorded: Recorded) -> None:
    stored = call(lambda c: c.files.create(file=("x.bin", b"\x00" * 99), purpose="assistants"))
    call(lambda c: c.files.content(stored.id))
    with pytest.raises(openai.NotFoundError):
        call(lambda c: c.files.content("file-unknown"))

    assert recorded.spans() == []


# --- Azure ---------------------------------------------------------------------------------


def test_azure_is_found_behind_its_deployments(provider: LocalProvider, recorded: Recorded) -> None:
    provider.enqueue(Reply(edit=lambda events, _: [_as_model(events[0], "gpt-4o-2024-08-06")]))
    client = openai.AzureOpenAI(azure_endpoint=provider.url, api_key="k", api_version="2025-01-01")

    client.chat.completions.create(
        model="my-deployment", messages=[{"role": "user", "content": "Hi"}]
    )

    assert provider.requests[0].path == "/openai/deployments/my-deployment/chat/completions"
    attributes = recorded.attributes()
    assert attributes[semconv.PROVIDER_NAME] == "azure.ai.openai"
    assert attributes[semconv.REQUEST_MODEL] == "my-deployment"
    assert attributes[semconv.RESPONSE_MODEL] == "gpt-4o-2024-08-06"
    assert attributes[semconv.COST_TOTAL] > 0


def test_azure_pinned_to_a_deployment_uploads_too(
    provider: LocalProvider, recorded: Recorded
) -> None:
    client = openai.AzureOpenAI(
        azure_endpoint=provider.url,
        azure_deployment="ears",
        api_key="k",
        api_version="2025-01-01",
    )

    client.audio.transcriptions.create(model="whisper-1", file=form_file())

    assert provider.requests[0].path == "/openai/deployments/ears/audio/transcriptions"
    assert recorded.attributes()[semconv.API] == "openai.transcription"


def _as_model(event: Any, model: str) -> Any:
    return type(event)({**event.data, "model": model})


# --- broken answers --------------------------------------------------------------------------

BROKEN_USAGE = (None, "seven", -3, [], {"input_tokens": "many"}, {"output_tokens": 10**30}, {})


@pytest.mark.parametrize("usage", BROKEN_USAGE, ids=repr)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("images", {"created": 1, "data": [{"url": "x"}]}),
        ("speech", {}),
        ("transcriptions", {"text": "hm"}),
        ("moderations", {"id": "m", "model": "omni", "results": [None, 3, {}]}),
        ("videos", {"id": "v", "object": "video", "seconds": {}}),
        ("completions", {"id": "c", "choices": [None, {"text": 3}]}),
    ],
)
def test_usage_that_makes_no_sense_harms_nobody(
    provider: LocalProvider, recorded: Recorded, path: str, body: dict[str, Any], usage: object
) -> None:
    provider.enqueue(Reply(json={**body, "usage": usage}))
    client = openai.OpenAI(base_url=provider.openai_url, api_key="k", max_retries=0)
    ask: dict[str, Callable[[], Any]] = {
        "images": lambda: client.images.with_raw_response.generate(prompt="x"),
        "speech": lambda: client.audio.speech.create(model="tts-1", voice="a", input="x"),
        "transcriptions": lambda: client.audio.transcriptions.with_raw_response.create(
            model="whisper-1", file=form_file()
        ),
        "moderations": lambda: client.moderations.with_raw_response.create(input="x"),
        "videos": lambda: client.videos.with_raw_response.create(prompt="x"),
        "completions": lambda: client.completions.with_raw_response.create(
            model="gpt-3.5-turbo-instruct", prompt="x"
        ),
    }

    ask[path]()

    assert recorded.span()["attributes"].get(semconv.COST_TOTAL, 0) >= 0


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_an_answer_that_is_not_json_is_an_error_of_the_span_alone(
    provider: LocalProvider, recorded: Recorded, kind: str
) -> None:
    provider.enqueue(Reply(body=b"<html>busy</html>", content_type=kind))
    client = openai.OpenAI(base_url=provider.openai_url, api_key="k", max_retries=0)

    client.images.with_raw_response.generate(prompt="x")

    span = recorded.span()
    assert span["attributes"][semconv.ERROR_TYPE] == "invalid_response"
    assert span["status"] == "error"


def test_unknown_events_of_a_stream_are_passed_over(
    provider: LocalProvider, recorded: Recorded
) -> None:
    done = {"type": "transcript.text.done", "text": "Hi", "usage": {"type": "new", "units": 4}}
    pieces = [{"type": "transcript.text.aura", "hue": 3}, {"nothing": None}, done]
    provider.enqueue(
        Reply(pieces=tuple(f"data: {json.dumps(piece)}\n\n".encode() for piece in pieces))
    )
    client = openai.OpenAI(base_url=provider.openai_url, api_key="k", max_retries=0)

    with client.audio.transcriptions.with_streaming_response.create(
        model="gpt-4o-transcribe", file=form_file(), stream=True
    ) as response:
        response.read()

    attributes = recorded.attributes()
    assert attributes[semconv.STREAM_OUTCOME] == "completed"
    assert json.loads(attributes[semconv.RESPONSE_BODY])["text"] == "Hi"
