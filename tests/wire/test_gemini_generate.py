"""generateContent: parameters, answers, messages and tools, by hand and as recorded."""

from __future__ import annotations

import pytest

from llmtrace import semconv, wire
from llmtrace.wire.gemini_generate import (
    input_messages,
    output_messages,
    request_fields,
    response_fields,
    tool_definitions,
)


def test_the_parameters_of_a_request_are_read() -> None:
    config = {
        "maxOutputTokens": 30,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40.0,
        "seed": 7,
        "frequencyPenalty": 0.1,
        "presencePenalty": 0.2,
        "stop_sequences": ["END"],
        "candidateCount": 2,
        "responseMimeType": "application/json",
    }

    fields = request_fields({"generationConfig": config, "serviceTier": "flex", "contents": []})

    assert fields == wire.RequestFields(
        max_tokens=30,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        seed=7,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        stop_sequences=("END",),
        choice_count=2,
        service_tier="flex",
        output_type="json",
    )


@pytest.mark.parametrize(
    ("modalities", "kind"),
    [(["TEXT"], None), (["AUDIO"], "speech"), (["TEXT", "IMAGE"], "image"), ("AUDIO", "speech")],
)
def test_what_is_to_come_out_is_told(modalities: object, kind: str | None) -> None:
    body = {"generationConfig": {"responseModalities": modalities}}

    assert request_fields(body).output_type == kind


def test_an_answer_is_read() -> None:
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
    candidate = {
        "content": {"parts": [{"text": "On it."}], "role": "model"},
        "finishReason": "STOP",
    }

    fields = response_fields(
        {
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": "gemini-2.5-flash",
            "responseId": "r1",
        }
    )

    assert (fields.id, fields.model, fields.finish_reasons) == ("r1", "gemini-2.5-flash", ("STOP",))
    assert fields.usage == usage
    assert fields.output_text_chars == 6
    assert fields.is_complete


def test_a_block_is_a_finish_and_no_error() -> None:
    fields = response_fields({"promptFeedback": {"blockReason": "SAFETY"}})

    assert (fields.finish_reasons, fields.error_type) == (("SAFETY",), None)


def test_instructions_stand_apart_from_the_conversation() -> None:
    body = {
        "systemInstruction": {"parts": [{"text": "Be brief."}], "role": "user"},
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
    }

    for asked in (body, {"generateContentRequest": body}):
        messages, system = input_messages(asked)
        assert [message.role for message in messages] == ["user"]
        assert system == [{"type": "text", "content": "Be brief."}]


def test_each_candidate_is_a_message_with_its_finish() -> None:
    body = {
        "candidates": [
            {"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"},
            {"finishReason": "SAFETY"},
        ]
    }

    found = [(m.role, m.finish_reason, len(m.parts)) for m in output_messages(body)]

    assert found == [("assistant", "STOP", 1), ("assistant", "SAFETY", 0)]


def test_tools_are_flat_and_schemas_have_one_name() -> None:
    tools = [
        {
            "functionDeclarations": [
                {"name": "f", "parameters_json_schema": {"type": "object"}},
                {"name": "g", "description": "G", "parameters": {"type": "OBJECT"}},
            ]
        },
        {"googleSearch": {}},
    ]

    assert tool_definitions({"tools": tools}) == [
        {"type": "function", "name": "f", "parameters": {"type": "object"}},
        {"type": "function", "name": "g", "description": "G", "parameters": {"type": "OBJECT"}},
        {"type": "google_search"},
    ]


def test_it_is_found_by_its_api() -> None:
    assert wire.response_fields(semconv.API_GEMINI_GENERATE, {"responseId": "r"}).id == "r"
