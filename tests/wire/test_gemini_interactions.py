"""Interactions: parameters, steps and tools."""

from __future__ import annotations

import pytest

from llmtrace import semconv, wire

API = semconv.API_GEMINI_INTERACTIONS


def test_the_parameters_of_a_request_are_read() -> None:
    fields = wire.request_fields(
        API,
        {
            "model": "gemini-2.5-flash",
            "generation_config": {"max_output_tokens": 5, "temperature": 0.5, "top_p": 1},
            "stream": True,
            "response_mime_type": "application/json",
        },
    )

    assert (fields.model, fields.max_tokens, fields.temperature, fields.top_p) == (
        "gemini-2.5-flash",
        5,
        0.5,
        1.0,
    )
    assert (fields.is_stream, fields.output_type) == (True, "json")
    assert wire.request_fields(API, {"agent": "deep-research"}).model == "deep-research"


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        ("Hi", ["user"]),
        ([{"type": "text", "text": "Hi"}, {"type": "image", "data": "aGk="}], ["user"]),
        ({"type": "text", "text": "Hi"}, ["user"]),
        (
            [
                {"type": "user_input", "content": "Hi"},
                {"type": "model_output", "content": [{"type": "text", "text": "Yes?"}]},
                {"type": "function_result", "call_id": "c1", "result": "sunny"},
            ],
            ["user", "assistant", "tool"],
        ),
        ([{"role": "user", "content": "Hi"}, {"role": "model", "content": "Yes?"}], None),
        ([], []),
        (None, []),
    ],
)
def test_every_form_of_input_is_read(given: object, roles: list[str] | None) -> None:
    messages, system = wire.input_messages(API, {"input": given, "system_instruction": "Be brief."})

    assert [message.role for message in messages] == (
        roles or ["user", "assistant"] * (roles is None)
    )
    assert system == [{"type": "text", "content": "Be brief."}]


def test_steps_are_the_parts_of_one_message() -> None:
    steps = [
        {"type": "thought", "summary": [{"type": "text", "text": "Hm."}], "signature": "s"},
        {"type": "model_output", "content": [{"type": "text", "text": "Yes."}]},
        {"type": "function_call", "id": "c1", "name": "f", "arguments": {"a": 1}},
        {"type": "google_search_call", "id": "c2", "arguments": {"queries": ["x"]}},
        {"type": "google_search_result", "call_id": "c2", "result": []},
        {"type": "step_of_tomorrow", "x": 1},
    ]

    body = {"status": "requires_action", "steps": steps}
    (message,) = wire.output_messages(API, body)

    assert [part["type"] for part in message.parts] == [
        "reasoning",
        "text",
        "tool_call",
        "tool_call",
        "tool_call_response",
        "step_of_tomorrow",
    ]
    assert message.parts[3]["name"] == "google_search"
    fields = wire.response_fields(API, body)
    assert fields.finish_reasons == ("requires_action",)
    assert fields.output_text_chars > len("Hm.Yes.")


def test_an_answer_in_progress_has_no_finish_and_a_failed_one_has_its_error() -> None:
    failed = {"status": "failed", "errors": [{"code": "INTERNAL", "message": "no"}]}

    assert wire.response_fields(API, {"status": "in_progress"}).finish_reasons == ()
    assert wire.response_fields(API, failed).error_type == "INTERNAL"
    assert wire.response_fields(API, {"status": "failed"}).error_type == "failed"


def test_tools_have_a_type() -> None:
    tools = [{"type": "google_search"}, {"name": "f"}]

    assert wire.tool_definitions(API, {"tools": tools}) == [
        {"type": "google_search"},
        {"type": "function", "name": "f"},
    ]
