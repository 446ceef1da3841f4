"""Cohere's answers of both versions: events, lines, plain bodies; vectors that are not kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace import wire

if TYPE_CHECKING:
    from collections.abc import Mapping

CHAT, V1, EMBED, RERANK = "cohere.chat", "cohere.chat_v1", "cohere.embed", "cohere.rerank"
USAGE = {
    "billed_units": {"input_tokens": 62, "output_tokens": 38},
    "tokens": {"input_tokens": 1531, "output_tokens": 89},
    "cached_tokens": 144,
}


def events(*payloads: Mapping[str, Any]) -> bytes:
    return b"".join(f"event: {p['type']}\ndata: {json.dumps(p)}\n\n".encode() for p in payloads)


def lines(*payloads: object) -> bytes:
    return b"".join(json.dumps(p).encode() + b"\n" for p in payloads)


def event(kind: str, message: object = None, **more: object) -> dict[str, object]:
    return {"type": kind, **more, **({} if message is None else {"delta": {"message": message}})}


CALLED = [
    event("message-start", {"role": "assistant", "content": [], "tool_plan": ""}, id="x"),
    event("tool-plan-delta", {"tool_plan": "I will "}),
    event("tool-plan-delta", {"tool_plan": "look."}),
    event(
        "tool-call-start",
        {"tool_calls": {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}},
        index=0,
    ),
    event("tool-call-delta", {"tool_calls": {"function": {"arguments": '{"q"'}}}, index=0),
    event("tool-call-delta", {"tool_calls": {"function": {"arguments": ": 1}"}}}, index=0),
    event("tool-call-end", index=0),
    event(
        "tool-call-start",
        {"tool_calls": {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}},
        index=1,
    ),
    event("tool-call-end", index=1),
    {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": USAGE}},
]
SAID = [
    event("message-start", {"role": "assistant", "content": [], "citations": []}, id="x"),
    event("content-start", {"content": {"type": "thinking", "thinking": ""}}, index=0),
    event("content-delta", {"content": {"thinking": "Hm"}}, index=0),
    event("content-start", {"content": {"type": "text", "text": ""}}, index=1),
    event("content-delta", {"content": {"text": "It is "}}, index=1),
    event("content-delta", {"content": {"text": "late."}}, index=1),
    event("citation-start", {"citations": {"start": 0, "end": 2}}, index=0),
    event("citation-start", {"citations": {"start": 3, "end": 5}}, index=1),
    {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": USAGE}},
]


def test_tool_calls_of_a_stream_grow_by_their_index() -> None:
    merged = wire.merge_stream(CHAT, events(*CALLED))

    assert merged.body == {
        "id": "x",
        "message": {
            "role": "assistant",
            "tool_plan": "I will look.",
            "tool_calls": [
                {
                    "id": "a",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"q": 1}'},
                },
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}},
            ],
        },
        "finish_reason": "TOOL_CALL",
        "usage": USAGE,
    }
    assert merged.fields.is_complete
    assert merged.fields.usage == USAGE
    assert merged.fields.finish_reasons == ("TOOL_CALL",)
    assert merged.fields.output_text_chars == len('I will look.{"q": 1}')


def test_thinking_text_and_citations_of_a_stream_are_blocks_of_one_message() -> None:
    merged = wire.merge_stream(CHAT, events(*SAID))

    assert merged.body["message"] == {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Hm"},
            {"type": "text", "text": "It is late."},
        ],
        "citations": [{"start": 0, "end": 2}, {"start": 3, "end": 5}],
    }
    (message,) = wire.output_messages(CHAT, merged.body)
    assert message.parts == (
        {"type": "reasoning", "content": "Hm"},
        {"type": "text", "content": "It is late."},
    )
    assert message.finish_reason == "COMPLETE"


def test_a_stream_that_was_cut_is_incomplete_and_keeps_what_came() -> None:
    merged = wire.merge_stream(CHAT, events(*SAID)[:-150])

    assert not merged.fields.is_complete
    assert merged.fields.usage is None
    assert merged.fields.output_text_chars == len("HmIt is late.")


def test_an_error_is_a_bare_message_plain_or_in_place_of_an_event() -> None:
    error = {"id": "1", "message": "invalid api token"}

    plain = wire.response_fields(CHAT, error)
    streamed = wire.merge_stream(CHAT, b"data: " + json.dumps(error).encode() + b"\n\n").fields

    assert (plain.error_type, plain.error_message) == ("error", "invalid api token")
    assert (streamed.error_type, streamed.error_message) == ("error", "invalid api token")


def test_a_request_is_read_with_its_tool_results_and_pictures() -> None:
    body = {
        "model": "command-a-03-2025",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ],
            },
            {
                "role": "assistant",
                "tool_plan": "Look.",
                "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": '{"q": 1}'}}],
            },
            {"role": "tool", "tool_call_id": "a", "content": "42"},
        ],
        "p": 0.9,
        "k": 5,
        "seed": 7,
        "stop_sequences": ["END"],
        "response_format": {"type": "json_object"},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    }

    fields = wire.request_fields(CHAT, body)
    messages, instructions = wire.input_messages(CHAT, body)

    assert (fields.top_p, fields.top_k, fields.seed) == (0.9, 5, 7)
    assert (fields.stop_sequences, fields.output_type) == (("END",), "json")
    assert [message.role for message in messages] == ["system", "user", "assistant", "tool"]
    assert [part["type"] for part in messages[1].parts] == ["text", "blob"]
    assert [part["type"] for part in messages[2].parts] == ["reasoning", "tool_call"]
    assert messages[3].parts[0]["response"] == "42"
    assert instructions == []
    assert wire.tool_definitions(CHAT, body)[0]["name"] == "f"


@pytest.mark.parametrize("stream", [CALLED, SAID], ids=["calls", "text"])
def test_a_synthesized_stream_is_merged_into_the_same_body(stream: list[Any]) -> None:
    body = wire.merge_stream(CHAT, events(*stream)).body

    again = wire.merge_stream(
        CHAT, b"".join(wire.synthesize_stream(CHAT, body, include_usage=True))
    )

    assert again.body == body
    assert again.fields.is_complete


START = {"is_finished": False, "event_type": "stream-start", "generation_id": "g"}
TEXT = {"is_finished": False, "event_type": "text-generation", "text": "Ahoy"}
META = {"api_version": {"version": "1"}, "billed_units": {"input_tokens": 7, "output_tokens": 2}}
WHOLE = {"response_id": "r", "text": "Ahoy", "generation_id": "g", "meta": META}
END = {
    "is_finished": True,
    "event_type": "stream-end",
    "response": WHOLE,
    "finish_reason": "COMPLETE",
}


def test_lines_of_the_first_api_end_in_the_whole_answer() -> None:
    merged = wire.merge_stream(V1, lines(START, TEXT, END))

    assert merged.body == {"generation_id": "g", "finish_reason": "COMPLETE", **WHOLE}
    assert merged.fields.is_complete
    assert merged.fields.id == "r"
    assert merged.fields.usage == {"billed_units": META["billed_units"]}


def test_lines_that_were_cut_keep_their_text() -> None:
    data = lines(START, TEXT, TEXT, END)[:-40]

    assert wire.looks_streamed(V1, data)
    merged = wire.merge_stream(V1, data)
    assert merged.body["text"] == "AhoyAhoy"
    assert not merged.fields.is_complete
    assert merged.fields.problem is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (lines(START), True),
        (lines(START, TEXT), True),
        (b'{"is_finished": fal', True),
        (b'data: {"event_type": "stream-start"}\n\n', True),
        (b'{"id": "1", "message": "no"}', False),
        (b"<html>", False),
        (b"", False),
    ],
)
def test_lines_are_told_from_a_plain_body(data: bytes, expected: bool) -> None:
    assert wire.looks_streamed(V1, data) is expected


def test_a_request_of_the_first_api_is_a_conversation() -> None:
    body = {
        "message": "And now?",
        "preamble": "Be kind.",
        "chat_history": [
            {"role": "USER", "message": "Hi"},
            {"role": "CHATBOT", "message": "Ahoy", "tool_calls": [{"name": "f", "parameters": {}}]},
        ],
        "tool_results": [{"call": {"name": "f", "parameters": {}}, "outputs": [{"a": 1}]}],
    }

    messages, instructions = wire.input_messages(V1, body)

    assert [message.role for message in messages] == ["user", "assistant", "tool", "user"]
    assert [part["content"] for part in instructions] == ["Be kind."]


def test_generations_have_a_reason_and_a_message_each() -> None:
    made = [
        {"id": n, "text": "Ahoy", "finish_reason": r} for n, r in (("1", "COMPLETE"), ("2", "X"))
    ]
    body = {"id": "i", "generations": made, "prompt": "p", "meta": META}

    assert wire.response_fields(V1, body).finish_reasons == ("COMPLETE", "X")
    assert len(wire.output_messages(V1, body)) == 2


def test_lines_are_synthesized_so_that_they_merge_into_the_same_body() -> None:
    body = {**WHOLE, "finish_reason": "COMPLETE"}

    made = b"".join(wire.synthesize_stream(V1, body, include_usage=False))

    assert wire.merge_stream(V1, made).body == {**body, "generation_id": "g"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"embeddings": {"float": [[0.5, -1e-5, 2], [1, 2, 3]], "base64": ["AAAAAAAAAAA="]}},
            {
                "float": [{"dimensions": 3, "encoding": "float"}] * 2,
                "base64": [{"dimensions": 2, "encoding": "base64"}],
            },
        ),
        (
            {"embeddings": {"int8": [[1, -2]], "ubinary": [[255]]}},
            {
                "int8": [{"dimensions": 2, "encoding": "int8"}],
                "ubinary": [{"dimensions": 1, "encoding": "ubinary"}],
            },
        ),
        ({"embeddings": [[0.5, 1.5]]}, [{"dimensions": 2, "encoding": "float"}]),
    ],
    ids=["float and base64", "small", "first version"],
)
def test_vectors_are_left_out_parsed_or_not(body: dict[str, Any], expected: object) -> None:
    text = 'a "float": [[1, 2]] in a text'
    whole = {"id": "1", **body, "texts": [text], "meta": META}

    unparsed: Any = json.loads(wire.strip_vectors_json(EMBED, json.dumps(whole).encode()))

    assert unparsed == wire.strip_vectors(EMBED, whole)
    assert unparsed["embeddings"] == expected
    assert unparsed["texts"] == [text]


def test_an_embedding_is_billed_in_its_meta_and_its_texts_are_messages() -> None:
    answer = {"id": "1", "embeddings": [], "meta": {"billed_units": {"input_tokens": 4}}}
    asked = {"model": "embed-v4.0", "texts": ["a", "b"], "embedding_types": ["int8"]}

    assert wire.response_fields(EMBED, answer).usage == {"billed_units": {"input_tokens": 4}}
    assert wire.request_fields(EMBED, asked).encoding_format == "int8"
    assert len(wire.input_messages(EMBED, asked)[0]) == 2


def test_rerank_of_other_hosts_states_openais_usage() -> None:
    body = {"results": [], "usage": {"total_tokens": 12}}

    assert wire.response_fields(RERANK, body).usage == {"total_tokens": 12}
