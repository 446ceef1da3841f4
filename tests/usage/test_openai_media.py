"""Pictures, sound, video: tokens where the model counts them, units where it does not."""

from __future__ import annotations

from decimal import Decimal

from llmtrace.records import TokenUsage
from llmtrace.usage import openai_media


def test_output_of_an_image_model_is_image_tokens_unless_it_says_otherwise() -> None:
    raw = {"input_tokens": 40, "output_tokens": 4160, "total_tokens": 4200}
    split = {**raw, "output_tokens_details": {"image_tokens": 4000, "text_tokens": 160}}

    assert openai_media.read_images(raw) == TokenUsage(input_uncached=40, output_image=4160)
    assert openai_media.read_images(split) == TokenUsage(
        input_uncached=40, output_image=4000, output_text=160
    )


def test_pictures_without_tokens_are_counted() -> None:
    assert openai_media.read_images({"images": 2}) == TokenUsage(units={"images": Decimal(2)})


def test_a_transcription_is_tokens_or_seconds() -> None:
    tokens = openai_media.read_transcription(
        {
            "type": "tokens",
            "input_tokens": 210,
            "output_tokens": 45,
            "total_tokens": 255,
            "input_token_details": {"text_tokens": 10, "audio_tokens": 200},
        }
    )
    seconds = openai_media.read_transcription({"type": "duration", "seconds": 8.5})

    assert tokens == TokenUsage(input_uncached=10, input_audio=200, output_text=45)
    assert seconds == TokenUsage(units={"audio_seconds": Decimal("8.5")})


def test_speech_is_audio_tokens_or_characters() -> None:
    tokens = openai_media.read_speech({"input_tokens": 14, "output_tokens": 101})

    assert tokens == TokenUsage(input_uncached=14, output_audio=101)
    assert openai_media.read_speech({"characters": 12}) == TokenUsage(
        units={"characters": Decimal(12)}
    )


def test_a_video_is_its_seconds_and_a_moderation_says_nothing() -> None:
    assert openai_media.read_videos({"seconds": "8"}) == TokenUsage(
        units={"video_seconds": Decimal(8)}
    )
    assert openai_media.read_moderation({}) is None
