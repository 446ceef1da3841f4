"""Usage of OpenAI's image, speech, transcription, moderation and video APIs.

Newer models count tokens, in the names of Responses. Older ones are billed by the image, the
second or the character and send no usage at all: their wire format hands over what it counted in
the answer (or the request) under the names below. Audio is what a transcription is made of and
images are what an image model makes, so that tokens without a split are of that kind.
Format: platform.openai.com/docs/api-reference/images, …/audio, …/videos.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmtrace.usage.openai_responses import SHAPE

if TYPE_CHECKING:
    from llmtrace.records import TokenUsage, UsageSource

IMAGES: Final = replace(SHAPE, units={"images": ("images",)})
TRANSCRIPTION: Final = replace(SHAPE, units={"audio_seconds": ("seconds", "duration")})
SPEECH: Final = replace(
    SHAPE, units={"characters": ("characters",), "speech_seconds": ("seconds",)}
)
VIDEOS: Final = replace(SHAPE, units={"video_seconds": ("seconds",)})


def read_images(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read an image answer's ``usage``; output without a split is image tokens."""
    usage = IMAGES.read(raw, source)
    if usage is None or usage.output_image or not usage.output_text:
        return usage
    return replace(usage, output_text=0, output_image=usage.output_text)


def read_transcription(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read a transcription's ``usage``: tokens, or seconds of audio."""
    return TRANSCRIPTION.read(raw, source)


def read_speech(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read a spoken answer's ``usage``: output is audio; or the characters that were spoken."""
    usage = SPEECH.read(raw, source)
    if usage is None or usage.output_audio or not usage.output_text:
        return usage
    return replace(usage, output_text=0, output_audio=usage.output_text)


def read_videos(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read the seconds of a video that was made."""
    return VIDEOS.read(raw, source)


def read_moderation(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read a moderation's ``usage`` if there is one; it costs nothing and mostly says nothing."""
    return SHAPE.read(raw, source)
