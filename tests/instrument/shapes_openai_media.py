"""The ways in which an app calls the openai SDK beyond text: images, sound, moderations, files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from tests.instrument.contract import apis_openai
from tests.instrument.differential import adapted, drain, feature, opened

if TYPE_CHECKING:
    from tests.instrument.differential import Seen, Shape

SDK = apis_openai.OPENAI
SPEECH: dict[str, Any] = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "On its way."}


def _recording() -> Any:
    sound = io.BytesIO(b"RIFF" + bytes(400))
    sound.name = "call.wav"
    return sound


async def image(client: Any, seen: Seen) -> None:
    made = client.images.generate(model="gpt-image-1", prompt="A parcel", size="1024x1024")
    seen.see("result", await adapted(made))


async def image_edit(client: Any, seen: Seen) -> None:
    picture = io.BytesIO(b"\x89PNG" + bytes(64))
    picture.name = "parcel.png"
    made = client.images.edit(model="gpt-image-1", image=picture, prompt="A bow on it")
    seen.see("result", await adapted(made))
    seen.see("read to", picture.tell())


async def moderation(client: Any, seen: Seen) -> None:
    made = client.moderations.create(model="omni-moderation-latest", input="Hello")
    seen.see("result", await adapted(made))


async def transcription(client: Any, seen: Seen) -> None:
    sound = _recording()
    made = client.audio.transcriptions.create(model="gpt-4o-mini-transcribe", file=sound)
    seen.see("result", await adapted(made))
    seen.see("read to", sound.tell())


async def transcription_text(client: Any, seen: Seen) -> None:
    made = client.audio.transcriptions.create(
        model="whisper-1", file=_recording(), response_format="text"
    )
    seen.see("result", await adapted(made))


async def transcription_streamed(client: Any, seen: Seen) -> None:
    made = client.audio.transcriptions.create(
        model="gpt-4o-mini-transcribe", file=_recording(), stream=True
    )
    await drain(await adapted(made), seen)


async def speech(client: Any, seen: Seen) -> None:
    result = await adapted(client.audio.speech.create(**SPEECH))
    seen.see("result", result)
    seen.see("sound", result.content)


async def speech_streamed(client: Any, seen: Seen) -> None:
    manager = client.audio.speech.with_streaming_response.create(**SPEECH)
    async with opened(manager) as response:
        await drain(response.iter_bytes(64), seen, "sound")


async def speech_left(client: Any, seen: Seen) -> None:
    manager = client.audio.speech.with_streaming_response.create(**SPEECH)
    async with opened(manager) as response:
        seen.see("status", response.status_code)
    seen.see("after", response.http_response)


async def batches(client: Any, seen: Seen) -> None:
    """Look at batches, which is not billed."""
    seen.made = 0
    await drain(feature(client, "batches.list")(), seen, "batch")


SHAPES: dict[str, Shape] = {
    shape.__name__: shape
    for shape in (
        image,
        image_edit,
        moderation,
        transcription,
        transcription_text,
        transcription_streamed,
        speech,
        speech_streamed,
        speech_left,
        batches,
    )
}
