"""Images, speech, transcriptions, moderations and videos as they are on the wire."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from llmtrace import wire
from llmtrace.wire import media, openai_images, openai_speech, openai_transcription
from llmtrace.wire.openai_moderations import FORMAT as MODERATIONS
from llmtrace.wire.openai_videos import FORMAT as VIDEOS
from llmtrace.wire.plain_format import PlainFormat


def events(*pieces: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces)


# --- media ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 2, 3, 100, 4_097])
def test_a_picture_leaves_its_size(size: int) -> None:
    data = base64.b64encode(bytes(size)).decode()

    kept = json.loads(media.leave_media_out(json.dumps({"b64_json": data, "n": 1}).encode()))

    assert kept["n"] == 1
    assert kept["b64_json"] == ({"left_out": "base64", "bytes": size} if size else "")


def test_a_text_that_looks_like_a_picture_stays() -> None:
    text = json.dumps({"text": '"b64_json":"aGVsbG8="', "b64_json": None, "audio": {"id": "a"}})

    assert media.leave_media_out(text.encode()).decode() == text


def test_escaped_slashes_are_part_of_a_picture() -> None:
    kept = json.loads(media.leave_media_out(rb'{"audio" : "ab\/d"}'))

    assert kept == {"audio": {"left_out": "base64", "bytes": 3}}


def test_only_apis_with_media_are_looked_through() -> None:
    body = b'{"b64_json":"aGVsbG8="}'

    assert wire.strip_vectors_json("openai.chat", body) == body
    assert wire.strip_vectors_json("openai.images", body) != body


# --- images --------------------------------------------------------------------------------


def test_pictures_without_usage_are_their_own_usage() -> None:
    body: dict[str, object] = {"created": 1, "data": [{"url": "a"}, {"url": "b"}]}

    assert openai_images.response_fields(body).usage == {"images": 2}
    assert openai_images.response_fields({**body, "usage": {"total_tokens": 3}}).usage == {
        "total_tokens": 3
    }


def test_an_image_stream_is_its_finished_pictures() -> None:
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    data = events(
        {"type": "image_edit.partial_image", "b64_json": "AAAA"},
        {"type": "image_edit.completed", "b64_json": "BBBB", "size": "1x1", "usage": usage},
    )

    merged = wire.merge_stream("openai.images", data)

    assert merged.body["data"] == [{"b64_json": "BBBB"}]
    assert merged.fields.usage == usage
    assert merged.fields.is_complete


def test_an_image_stream_that_fails_says_why() -> None:
    data = events({"type": "error", "error": {"code": "moderation_blocked", "message": "no"}})

    merged = wire.merge_stream("openai.images", data)

    assert merged.fields.error_type == "moderation_blocked"
    assert not merged.fields.is_complete


def test_a_picture_is_a_message() -> None:
    body: dict[str, object] = {
        "data": [{"revised_prompt": "A cat", "b64_json": {"left_out": "base64", "bytes": 9}}]
    }

    (message,) = openai_images.output_messages(body)

    assert [part["type"] for part in message.parts] == ["text", "blob"]


# --- transcriptions -------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "Hello", "1\n00:00\nHi\n", "{not json", "[1]", "WEBVTT\n"])
def test_a_bare_text_becomes_json(text: str) -> None:
    assert json.loads(openai_transcription.text_as_json(text.encode())) == {"text": text}


def test_json_stays_as_it_came() -> None:
    data = b' {"text": "Hi" }'

    assert openai_transcription.text_as_json(data) is data


def test_the_length_of_a_verbose_answer_is_usage() -> None:
    fields = openai_transcription.response_fields({"text": "Hi", "duration": "8.47"})

    assert fields.usage == {"duration": "8.47"}


def test_a_transcript_that_is_cut_has_what_was_heard() -> None:
    data = events(
        {"type": "transcript.text.delta", "delta": "Please "},
        {"type": "transcript.text.delta", "delta": "deliver"},
    )

    merged = wire.merge_stream("openai.transcription", data)

    assert merged.body == {"text": "Please deliver"}
    assert not merged.fields.is_complete


def test_speakers_are_told_apart() -> None:
    segments = [{"speaker": "A", "text": "Hi"}, {"speaker": "B", "text": "Hello"}]

    messages = openai_transcription.output_messages({"text": "Hi Hello", "segments": segments})

    assert [part["content"] for message in messages for part in message.parts] == [
        "A: Hi",
        "B: Hello",
    ]


# --- speech ---------------------------------------------------------------------------------


def test_characters_are_counted_as_unicode_has_them() -> None:
    assert openai_speech.usage_of_request({"input": "Grüße ☁"}) == {"characters": 7}
    assert wire.usage_of_request("openai.speech", {"input": 7}) is None
    assert wire.usage_of_request("openai.chat", {"input": "Hi"}) is None


def test_a_speech_stream_is_its_size_and_usage() -> None:
    data = wire.strip_vectors_json(
        "openai.speech",
        events(
            {"type": "speech.audio.delta", "audio": base64.b64encode(b"12345").decode()},
            {"type": "speech.audio.done", "usage": {"input_tokens": 1, "output_tokens": 2}},
        ),
    )

    merged = wire.merge_stream("openai.speech", data)

    assert merged.body["audio"] == {"left_out": "base64", "bytes": 5}
    assert merged.fields.usage == {"input_tokens": 1, "output_tokens": 2}
    assert merged.fields.is_complete


# --- moderations and videos -----------------------------------------------------------------


def test_a_judgement_is_a_message() -> None:
    asked, _ = MODERATIONS.input_messages(
        {"input": ["a", {"type": "text", "text": "b"}, {"image_url": {"url": "https://x"}}, 3]}
    )
    told = MODERATIONS.output_messages(
        {"results": [{"categories": {"hate": True, "violence": False}}, {"categories": {}}]}
    )

    assert [message.parts[0]["type"] for message in asked] == ["text", "text", "uri"]
    assert [message.parts[0]["content"] for message in told] == ["flagged: hate", "not flagged"]


def test_the_seconds_of_a_video_are_its_usage_unless_it_failed() -> None:
    assert VIDEOS.response_fields({"seconds": "8", "status": "queued"}).usage == {"seconds": "8"}
    assert VIDEOS.response_fields({"seconds": "8", "status": "failed"}).usage is None


def test_what_has_no_streams_says_so() -> None:
    plain = PlainFormat("judgements")

    assert plain.merge_events([]).problem == "judgements have no streams"
    with pytest.raises(ValueError, match="judgements have no streams"):
        plain.synthesize_stream({}, include_usage=True)
