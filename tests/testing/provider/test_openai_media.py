"""Images, sound, moderations, videos and completions, as the real openai SDK sees them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import openai
import pytest

from llmtrace.testing.provider.openai_completions import COMPLETIONS
from llmtrace.testing.provider.openai_media import HEARD, PICTURE, SOUND, form_of
from llmtrace.testing.provider.openai_root import ROOT
from llmtrace.testing.provider.route import Route

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_a_picture_comes_whole_and_streamed(openai_client: Any) -> None:
    plain = openai_client.images.generate(model="gpt-image-1", prompt="a cat")
    *drafts, last = openai_client.images.generate(model="gpt-image-1", prompt="a cat", stream=True)

    assert plain.data[0].b64_json == last.b64_json
    assert [event.type for event in drafts] == ["image_generation.partial_image"]
    assert plain.usage.total_tokens == last.usage.total_tokens > 1_000


def test_an_upload_arrives_with_its_fields(openai_client: Any, provider: LocalProvider) -> None:
    openai_client.images.edit(model="gpt-image-1", prompt="blue", image=io.BytesIO(PICTURE))

    form = form_of(provider.requests[0])

    assert (form["prompt"], form["image"]) == (b"blue", PICTURE)


def test_speech_is_bytes(openai_client: Any) -> None:
    assert openai_client.audio.speech.create(model="m", voice="v", input="Hi").content == SOUND


@pytest.mark.parametrize("shape", ["json", "verbose_json", "text", "srt", "vtt"])
def test_what_was_heard_comes_in_every_shape(openai_client: Any, shape: Any) -> None:
    heard = openai_client.audio.transcriptions.create(
        model="whisper-1", file=("a.mp3", SOUND), response_format=shape
    )

    assert HEARD in (heard if isinstance(heard, str) else heard.text)


def test_a_transcript_streams(openai_client: Any) -> None:
    events = list(
        openai_client.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=("a.mp3", SOUND), stream=True
        )
    )

    assert "".join(event.delta for event in events[:-1]) == events[-1].text == HEARD
    assert events[-1].usage.type == "tokens"


def test_an_attack_is_flagged(openai_client: Any) -> None:
    results = openai_client.moderations.create(input=["attack at dawn", "good morning"]).results

    assert [each.flagged for each in results] == [True, False]


def test_a_video_is_done_at_the_first_look(openai_client: Any) -> None:
    video = openai_client.videos.create(model="sora-2", prompt="waves", seconds="8")

    assert (video.status, video.seconds) == ("queued", "8")
    assert openai_client.videos.retrieve(video.id).status == "completed"
    with pytest.raises(openai.NotFoundError):
        openai_client.videos.retrieve("video_unknown")


@pytest.mark.parametrize("count", [1, 2])
def test_a_completion_streams_what_it_answers_plainly(openai_client: Any, count: int) -> None:
    asked: dict[str, Any] = {"model": "gpt-3.5-turbo-instruct", "prompt": "Once", "n": count}
    plain = openai_client.completions.create(**asked)
    texts = [""] * count
    for chunk in openai_client.completions.create(**asked, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.text

    assert texts == [choice.text for choice in plain.choices]


def test_a_completion_needs_a_prompt(openai_client: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="prompt"):
        openai_client.completions.create(model="gpt-3.5-turbo-instruct", prompt="")


def test_azures_paths_are_openais(provider: LocalProvider) -> None:
    client = openai.AzureOpenAI(azure_endpoint=provider.url, api_key="k", api_version="1")

    assert client.responses.create(model="d", input="Hi").output_text
    assert client.embeddings.create(model="d", input="Hi").data
    assert COMPLETIONS.name == "completions"
    assert ROOT


def test_a_route_fits_whole_paths_only(provider: LocalProvider, openai_client: Any) -> None:
    openai_client.moderations.create(input="x")
    (received,) = provider.requests
    vendor: Any = None

    assert Route(path="/v1/moderations", vendor=vendor).fits(received)
    assert not Route(path="/moderations", vendor=vendor).fits(received)
    assert not Route(path="/v1/moderations", vendor=vendor, method="GET").fits(received)
