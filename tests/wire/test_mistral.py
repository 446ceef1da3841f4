"""Mistral's own: names in chat, FIM, errors, conversations, OCR pages, transcriptions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llmtrace import wire

if TYPE_CHECKING:
    from collections.abc import Mapping

CHAT, TALK = "mistral.chat", "mistral.conversations"
OCR, HEARD = "mistral.ocr", "mistral.transcription"
USAGE = {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 60, "connector_tokens": 31}


def events(*payloads: Mapping[str, Any]) -> bytes:
    return b"".join(f"event: {p['type']}\ndata: {json.dumps(p)}\n\n".encode() for p in payloads)


def test_the_seed_has_a_name_of_its_own_and_fim_has_a_gap() -> None:
    body = {"model": "codestral-2508", "prompt": "def f(", "suffix": "return x", "random_seed": 7}

    (message,) = wire.input_messages(CHAT, body)[0]

    assert wire.request_fields(CHAT, body).seed == 7
    assert [part["content"] for part in message.parts] == ["def f(", "return x"]


def test_errors_come_in_three_forms() -> None:
    coded = {"object": "error", "message": "Invalid model", "type": "invalid_model", "code": "1500"}
    listed = {"detail": [{"type": "missing", "loc": ["body"], "msg": "Field required"}]}

    found = [
        (fields.error_type, fields.error_message)
        for fields in (
            wire.response_fields(CHAT, body) for body in (coded, {"detail": "Unauthorized"}, listed)
        )
    ]

    assert found[:2] == [("1500", "Invalid model"), ("error", "Unauthorized")]
    assert "Field required" in str(found[2][1])


STREAM = [
    {"type": "conversation.response.started", "conversation_id": "conv_1"},
    {"type": "tool.execution.started", "id": "t", "name": "web_search", "arguments": '{"q": 1}'},
    {"type": "tool.execution.done", "id": "t", "name": "web_search", "info": {}},
    {
        "type": "message.output.delta",
        "id": "m",
        "model": "mm",
        "role": "assistant",
        "content": "It ",
    },
    {"type": "message.output.delta", "id": "m", "content": "is late.", "output_index": 1},
    {
        "type": "message.output.delta",
        "id": "m",
        "content": {"type": "tool_reference", "tool": "web_search", "title": "Clock"},
    },
    {
        "type": "function.call.delta",
        "id": "f",
        "name": "g",
        "tool_call_id": "c",
        "arguments": '{"a"',
    },
    {
        "type": "function.call.delta",
        "id": "f",
        "name": "g",
        "tool_call_id": "c",
        "arguments": ":1}",
    },
    {"type": "conversation.response.done", "usage": USAGE},
]


def test_entries_of_a_stream_grow_by_their_id() -> None:
    merged = wire.merge_stream(TALK, events(*STREAM))

    assert merged.fields.is_complete
    assert merged.fields.id == "conv_1"
    assert merged.fields.model == "mm"
    assert merged.fields.usage == USAGE
    outputs: Any = merged.body["outputs"]
    assert [entry["type"] for entry in outputs] == [
        "tool.execution",
        "message.output",
        "function.call",
    ]
    assert outputs[1]["content"] == [
        {"type": "text", "text": "It is late."},
        {"type": "tool_reference", "tool": "web_search", "title": "Clock"},
    ]
    assert outputs[2]["arguments"] == '{"a":1}'


def test_a_conversation_is_read_as_one_message_of_what_came_out() -> None:
    body = wire.merge_stream(TALK, events(*STREAM)).body

    (message,) = wire.output_messages(TALK, body)

    assert [part["type"] for part in message.parts] == [
        "tool_call",
        "text",
        "tool_reference",
        "tool_call",
    ]


def test_an_error_inside_a_conversation_ends_it() -> None:
    failed = {"type": "conversation.response.error", "message": "overloaded", "code": 1000}

    fields = wire.merge_stream(TALK, events(STREAM[0], failed)).fields

    assert (fields.error_type, fields.error_message) == ("1000", "overloaded")


def test_a_conversation_that_was_cut_keeps_its_text() -> None:
    merged = wire.merge_stream(TALK, events(*STREAM[:5])[:-20])

    assert not merged.fields.is_complete
    outputs: Any = merged.body["outputs"]
    assert outputs[1]["content"] == "It "


def test_a_conversation_asks_in_entries_and_samples_in_its_arguments() -> None:
    body = {
        "model": "mistral-small-2506",
        "instructions": "Be kind.",
        "inputs": [
            {"type": "message.input", "role": "user", "content": "Hi"},
            {"type": "function.call", "tool_call_id": "c", "name": "g", "arguments": "{}"},
            {"type": "function.result", "tool_call_id": "c", "result": "42"},
        ],
        "completion_args": {"temperature": 0.2, "max_tokens": 5, "random_seed": 3},
        "tools": [{"type": "web_search"}],
    }

    fields = wire.request_fields(TALK, body)
    messages, instructions = wire.input_messages(TALK, body)

    assert (fields.temperature, fields.max_tokens, fields.seed) == (0.2, 5, 3)
    assert [message.role for message in messages] == ["user", "assistant", "tool"]
    assert instructions[0]["content"] == "Be kind."
    assert wire.tool_definitions(TALK, body) == [{"type": "web_search"}]


def test_a_synthesized_conversation_is_merged_into_the_same_body() -> None:
    body: dict[str, Any] = {
        "object": "conversation.response",
        "conversation_id": "conv_1",
        "usage": USAGE,
        "outputs": [
            {"object": "entry", "type": "message.output", "id": "m", "content": "It is late. " * 9},
            {
                "object": "entry",
                "type": "function.call",
                "id": "f",
                "name": "g",
                "tool_call_id": "c",
                "arguments": '{"a": 1}',
            },
        ],
    }

    made = b"".join(wire.synthesize_stream(TALK, body, include_usage=True))

    assert wire.merge_stream(TALK, made).body == body


def test_pages_are_counted_and_their_pictures_are_not_kept() -> None:
    image = {"id": "i", "image_base64": "QUJD" * 30}
    body = {
        "model": "mistral-ocr-2505",
        "pages": [{"index": 0, "markdown": "# A", "images": [image]}],
        "usage_info": {"pages_processed": 1},
    }

    fields = wire.response_fields(OCR, body)
    kept: Any = json.loads(wire.strip_vectors_json(OCR, json.dumps(body).encode()))

    assert fields.usage == {"pages_processed": 1}
    assert (fields.model, fields.output_text_chars) == ("mistral-ocr-2505", 3)
    assert kept["pages"][0]["images"][0]["image_base64"] == {"left_out": "base64", "bytes": 90}


def test_a_transcription_ends_with_all_of_it() -> None:
    done = {"model": "voxtral", "text": "Hello", "language": "en", "usage": {"prompt_tokens": 4}}
    pieces = [{"type": "transcription.text.delta", "text": text} for text in ("Hel", "lo")]

    merged = wire.merge_stream(HEARD, events(*pieces, {"type": "transcription.done", **done}))
    cut = wire.merge_stream(HEARD, events(*pieces))
    again = b"".join(wire.synthesize_stream(HEARD, merged.body, include_usage=True))

    assert merged.body == done
    assert merged.fields.is_complete
    assert (cut.body["text"], cut.fields.is_complete) == ("Hello", False)
    assert wire.merge_stream(HEARD, again).body == done
