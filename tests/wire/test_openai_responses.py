"""Requests and plain answers of responses."""

from __future__ import annotations

from llmtrace import wire

API = "openai.responses"


def test_the_parameters_of_a_request_are_read() -> None:
    fields = wire.request_fields(
        API,
        {
            "model": "gpt-5",
            "max_output_tokens": 10,
            "stream": False,
            "conversation": {"id": "conv_1"},
            "text": {"format": {"type": "json_schema"}},
        },
    )

    assert (fields.model, fields.max_tokens, fields.is_stream) == ("gpt-5", 10, False)
    assert (fields.conversation_id, fields.output_type) == ("conv_1", "json")


def test_instructions_stand_apart_from_the_conversation() -> None:
    messages, system = wire.input_messages(API, {"instructions": "Be brief.", "input": "Hi"})

    assert system == [{"type": "text", "content": "Be brief."}]
    assert [(m.role, m.parts) for m in messages] == [("user", ({"type": "text", "content": "Hi"},))]


def test_items_of_every_kind_are_read() -> None:
    body = {
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Look"},
                    {"type": "input_image", "file_id": "f1"},
                ],
            },
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "42"},
        ]
    }

    messages, _ = wire.input_messages(API, body)

    assert [m.role for m in messages] == ["user", "assistant", "assistant", "tool"]
    assert messages[0].parts[1] == {"type": "file", "modality": "image", "file_id": "f1"}
    assert messages[1].parts == ({"type": "reasoning", "content": "Hm"},)
    assert messages[2].parts == ({"type": "tool_call", "id": "c", "name": "f", "arguments": {}},)
    assert messages[3].parts == ({"type": "tool_call_response", "id": "c", "response": "42"},)


def test_the_finish_reason_is_why_it_is_incomplete_else_its_status() -> None:
    cut = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}

    assert wire.response_fields(API, cut).finish_reasons == ("max_output_tokens",)
    assert wire.response_fields(API, {"status": "completed"}).finish_reasons == ("completed",)
    assert wire.response_fields(API, {"status": "in_progress"}).finish_reasons == ()


def test_all_output_items_make_one_message() -> None:
    body = {
        "status": "completed",
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm"}]},
            {"type": "web_search_call", "id": "ws", "status": "completed"},
            {"type": "message", "content": [{"type": "output_text", "text": "42"}]},
        ],
    }

    [message] = wire.output_messages(API, body)

    assert [part["type"] for part in message.parts] == ["reasoning", "server_tool_call", "text"]
    assert message.finish_reason == "completed"
