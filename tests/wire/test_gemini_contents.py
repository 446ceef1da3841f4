"""Google's contents in either spelling, and its errors."""

from __future__ import annotations

import pytest

from llmtrace.wire.gemini_contents import (
    chars_of,
    field,
    finish_of,
    google_error,
    message_of,
    messages_of,
    parts_of,
    snake,
)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"text": "hi"}, {"type": "text", "content": "hi"}),
        ({"text": "hm", "thought": True}, {"type": "reasoning", "content": "hm"}),
        (
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
        ),
        (
            {"inline_data": {"mime_type": "application/pdf", "data": "aGk="}},
            {
                "type": "blob",
                "modality": "document",
                "mime_type": "application/pdf",
                "content": "aGk=",
            },
        ),
        (
            {"fileData": {"mime_type": "audio/wav", "file_uri": "gs://b/a.wav"}},
            {
                "type": "uri",
                "modality": "audio",
                "uri": "gs://b/a.wav",
                "mime_type": "audio/wav",
            },
        ),
        (
            {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "x"},
            {"type": "tool_call", "id": None, "name": "f", "arguments": {"a": 1}},
        ),
        (
            {"function_response": {"id": "c1", "name": "f", "response": {"result": 2}}},
            {"type": "tool_call_response", "id": "c1", "response": {"result": 2}},
        ),
        (
            {"executableCode": {"language": "PYTHON", "code": "1+1"}},
            {"type": "executable_code", "language": "PYTHON", "code": "1+1"},
        ),
        ({"thoughtSignature": "x"}, {"type": "unknown", "thoughtSignature": "x"}),
    ],
)
def test_each_kind_of_part_is_read(part: dict[str, object], expected: dict[str, object]) -> None:
    assert parts_of({"parts": [part]}) == [expected]


def test_a_field_is_found_under_either_spelling() -> None:
    assert snake("functionResponse") == "function_response"
    assert field({"top_p": 0.5}, "topP") == field({"topP": 0.5}, "topP") == 0.5
    assert field({}, "topP") is None


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        ({"finishReason": "SAFETY"}, "SAFETY"),
        ({"finishReason": 2}, "MAX_TOKENS"),
        ({"finish_reason": 77}, "77"),
        ({"finishReason": 0}, None),
        ({}, None),
    ],
)
def test_a_finish_is_a_word_whatever_was_sent(
    candidate: dict[str, object], reason: str | None
) -> None:
    assert finish_of(candidate) == reason


def test_roles_are_those_of_the_message_schema() -> None:
    answered = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}

    roles = [message.role for message in messages_of([{"parts": []}, {"role": "model"}, answered])]

    assert roles == ["user", "assistant", "tool"]
    assert messages_of({"parts": [{"text": "alone"}]})[0].parts[0]["content"] == "alone"
    assert message_of({}, finish_reason="STOP").finish_reason == "STOP"


def test_an_error_is_named_by_its_status() -> None:
    body = {"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}}

    assert google_error(body) == ("RESOURCE_EXHAUSTED", "Slow down.")
    assert google_error({"error": {"code": 500}}) == ("500", None)
    assert google_error({}) == (None, None)


def test_what_the_model_wrote_is_counted() -> None:
    parts = [
        {"text": "four"},
        {"executableCode": {"code": "12345"}},
        {"inlineData": {"data": "A" * 999}},
    ]

    assert chars_of({"parts": parts}) == 9
