"""Requests and plain answers of chat completions."""

from __future__ import annotations

import pytest

from llmtrace import wire

API = "openai.chat"


def test_the_parameters_of_a_request_are_read() -> None:
    body = {
        "model": "gpt-4o",
        "max_completion_tokens": 10,
        "max_tokens": 99,
        "temperature": 0,
        "top_p": 0.5,
        "seed": 7,
        "frequency_penalty": 0.1,
        "presence_penalty": -0.1,
        "stop": "END",
        "n": 2,
        "stream": True,
        "stream_options": {"include_usage": True},
        "service_tier": "flex",
        "response_format": {"type": "json_schema", "json_schema": {}},
    }

    fields = wire.request_fields(API, body)

    assert fields == wire.RequestFields(
        model="gpt-4o",
        max_tokens=10,
        temperature=0.0,
        top_p=0.5,
        seed=7,
        frequency_penalty=0.1,
        presence_penalty=-0.1,
        stop_sequences=("END",),
        choice_count=2,
        is_stream=True,
        service_tier="flex",
        output_type="json",
        include_usage=True,
    )


@pytest.mark.parametrize("value", ["7", True, [7], {}, None, 7.5, float("nan")])
def test_a_parameter_of_a_wrong_type_is_none(value: object) -> None:
    fields = wire.request_fields(API, {"model": 3, "seed": value, "stream": "yes"})

    assert (fields.model, fields.seed, fields.is_stream) == (None, None, None)


def test_messages_of_every_kind_are_read() -> None:
    body = {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
                    {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
                    {"type": "file", "file": {"file_id": "file-1"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"a":1}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c", "content": "42"},
        ]
    }

    messages, system = wire.input_messages(API, body)

    assert system == []
    assert [message.role for message in messages] == ["system", "user", "assistant", "tool"]
    assert messages[1].parts == (
        {"type": "text", "content": "What is this?"},
        {"type": "uri", "modality": "image", "uri": "https://x.test/a.png"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QUJD"},
        {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "QUJD"},
        {"type": "file", "modality": "document", "file_id": "file-1"},
    )
    assert messages[2].parts == (
        {"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}},
    )
    assert messages[3].parts == ({"type": "tool_call_response", "id": "c", "response": "42"},)


def test_arguments_that_are_no_json_stay_as_the_model_wrote_them() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": '{"a": '}}
    body = {"choices": [{"message": {"role": "assistant", "tool_calls": [call]}}]}

    [message] = wire.output_messages(API, body)

    assert message.parts[0]["arguments"] == '{"a": '


def test_a_refusal_is_a_part_of_its_own() -> None:
    body = {
        "choices": [{"message": {"role": "assistant", "refusal": "No."}, "finish_reason": "stop"}]
    }

    [message] = wire.output_messages(API, body)

    assert message.parts == ({"type": "refusal", "content": "No."},)
    assert message.finish_reason == "stop"


def test_everything_the_model_wrote_is_counted() -> None:
    message = {
        "content": "four",
        "reasoning_content": "sixsix",
        "tool_calls": [{"function": {"arguments": "{}"}}],
    }

    fields = wire.response_fields(API, {"choices": [{"message": message}]})

    assert fields.output_text_chars == 4 + 6 + 2


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"error": {"code": "rate_limit_exceeded", "type": "requests", "message": "slow"}},
            "rate_limit_exceeded",
        ),
        ({"error": {"code": 429, "message": "slow"}}, "429"),
        ({"error": "slow"}, "error"),
        ({"message": "slow", "type": "Bad Request", "code": 400}, "Bad Request"),
        ({"choices": [{"error": {"code": 502, "message": "slow"}}]}, "502"),
    ],
)
def test_an_error_is_found_wherever_providers_put_it(
    body: dict[str, object], expected: str
) -> None:
    fields = wire.response_fields(API, body)

    assert (fields.error_type, fields.error_message) == (expected, "slow")


def test_an_answer_that_is_no_object_is_a_problem_and_not_complete() -> None:
    fields = wire.response_fields(API, [1])

    assert not fields.is_complete
    assert fields.problem == "body is list, not a JSON object"


def test_tools_are_flattened() -> None:
    body = {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}

    assert wire.tool_definitions(API, body) == [{"type": "function", "name": "f", "parameters": {}}]
