"""Ollama's answers, plain and by lines; prompts of either API; vectors that are not kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace import wire

CHAT, GENERATE, EMBED = "ollama.chat", "ollama.generate", "ollama.embed"
COUNTS = {"prompt_eval_count": 358, "eval_count": 16, "eval_duration": 193258041}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["message", "content", "response", "tool_calls", "function", "done"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def lines(*parts: object) -> bytes:
    return b"".join(json.dumps(part).encode() + b"\n" for part in parts)


def said(text: str, **more: object) -> dict[str, object]:
    return {"model": "m", "message": {"role": "assistant", "content": text, **more}, "done": False}


def test_lines_of_chat_are_joined_and_the_last_one_counts() -> None:
    call = {"function": {"name": "look", "arguments": {"q": 1}}}
    merged = wire.merge_stream(
        CHAT,
        lines(
            said("", thinking="Hm"),
            said("It is "),
            said("late.", tool_calls=[call]),
            {**said(""), "done": True, "done_reason": "stop", **COUNTS},
        ),
    )

    assert merged.fields.is_complete
    assert merged.fields.finish_reasons == ("stop",)
    assert merged.fields.usage == COUNTS
    assert merged.body["message"] == {
        "role": "assistant",
        "content": "It is late.",
        "thinking": "Hm",
        "tool_calls": [call],
    }


def test_lines_of_generate_are_joined() -> None:
    merged = wire.merge_stream(
        GENERATE,
        lines({"response": "A", "done": False}, {"response": "B", "done": True, "eval_count": 2}),
    )

    assert merged.body == {"response": "AB", "done": True, "eval_count": 2}
    assert merged.fields.output_text_chars == 2


def test_a_stream_that_was_cut_gives_what_had_come() -> None:
    merged = wire.merge_stream(CHAT, lines(said("It is ")) + b'{"message": {"cont')

    assert not merged.fields.is_complete
    assert merged.problem is None
    assert merged.fields.output_text_chars == len("It is ")


def test_a_line_in_the_middle_that_is_no_json_is_noted() -> None:
    assert wire.merge_stream(CHAT, b"nonsense\n" + lines(said("a"))).problem


@pytest.mark.parametrize(
    ("data", "is_stream"),
    [
        (lines(said("a")), True),
        (b'{"message": {}, "done": false}', True),
        (lines(said("a"), said("b")), True),
        (json.dumps({**said("a"), "done": True}).encode(), False),
        (b'{"error":"model not found"}', False),
    ],
)
def test_a_stream_is_told_from_a_plain_answer(data: bytes, is_stream: bool) -> None:
    assert wire.looks_streamed(CHAT, data) is is_stream


def test_an_error_in_a_line_is_the_answers() -> None:
    fields = wire.merge_stream(CHAT, lines(said("a"), {"error": "out of memory"})).fields

    assert (fields.error_type, fields.error_message) == ("error", "out of memory")
    assert not fields.is_complete


def test_sampling_is_read_from_the_options() -> None:
    fields = wire.request_fields(
        CHAT,
        {
            "model": "llama3.2",
            "stream": True,
            "format": {"type": "object"},
            "options": {"num_predict": 9, "temperature": 0.5, "top_k": 3, "stop": ["x"]},
        },
    )

    assert (fields.model, fields.max_tokens, fields.temperature) == ("llama3.2", 9, 0.5)
    assert (fields.top_k, fields.stop_sequences, fields.output_type) == (3, ("x",), "json")


def test_both_kinds_of_prompts_are_messages() -> None:
    chat, none = wire.input_messages(
        CHAT,
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "What is it?", "images": ["aGk="]},
                {"role": "tool", "content": "a cat", "tool_name": "look"},
            ]
        },
    )
    prompt, system = wire.input_messages(GENERATE, {"prompt": "Hi", "system": "Be brief."})

    assert [message.role for message in chat] == ["system", "user", "tool"]
    assert [part["type"] for part in chat[1].parts] == ["text", "blob"]
    assert none == []
    assert prompt[0].parts == ({"type": "text", "content": "Hi"},)
    assert system == [{"type": "text", "content": "Be brief."}]


def test_an_answer_of_either_kind_is_a_message() -> None:
    (chat,) = wire.output_messages(CHAT, {**said("It is late."), "done_reason": "length"})
    (generated,) = wire.output_messages(GENERATE, {"response": "Yes.", "thinking": "Hm"})

    assert (chat.parts[0]["content"], chat.finish_reason) == ("It is late.", "length")
    assert [part["type"] for part in generated.parts] == ["reasoning", "text"]
    assert wire.output_messages(GENERATE, {"error": "no"}) == []


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "message": {"role": "assistant", "content": "Hi"}, "done": True, **COUNTS},
        {"model": "m", "response": "Hi", "done": True, "done_reason": "stop", **COUNTS},
    ],
)
def test_a_stored_answer_streams_back_into_itself(body: dict[str, object]) -> None:
    data = b"".join(wire.synthesize_stream(CHAT, body, include_usage=False))

    assert wire.merge_stream(CHAT, data).body == body


@pytest.mark.parametrize(
    ("body", "stripped"),
    [
        (
            {"embeddings": [[0.1, -2e-05], [3, 4]], "prompt_eval_count": 8},
            {"embeddings": [{"dimensions": 2, "encoding": "float"}] * 2, "prompt_eval_count": 8},
        ),
        (
            {"embedding": [0.5, 1.5, 2.5]},
            {"embedding": {"dimensions": 3, "encoding": "float"}},
        ),
        ({"embeddings": []}, {"embeddings": []}),
    ],
)
def test_vectors_are_told_by_their_size(body: object, stripped: object) -> None:
    assert wire.strip_vectors(EMBED, body) == stripped
    assert json.loads(wire.strip_vectors_json(EMBED, json.dumps(body).encode())) == stripped


@given(st.lists(JSON, max_size=4))
def test_whatever_came_is_read_without_an_exception(values: list[object]) -> None:
    merged = wire.merge_stream(CHAT, lines(*values))

    wire.output_messages(CHAT, merged.body)
    for value in values:
        wire.request_fields(CHAT, value)
        wire.response_fields(CHAT, value)
        wire.input_messages(CHAT, value)
        wire.strip_vectors(EMBED, value)
