"""What providers of chat streams do in their own way."""

from __future__ import annotations

import json
from typing import Any

from llmtrace import wire

API = "openai.chat"


def _stream(*chunks: dict[str, Any], done: bool = True) -> bytes:
    data = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    return data + (b"data: [DONE]\n\n" if done else b"")


def _chunk(
    delta: dict[str, Any] | None, *, finish: str | None = None, **more: Any
) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "model": "m", "choices": [choice], **more}


def _call(**fields: Any) -> dict[str, Any]:
    return _chunk({"tool_calls": [fields]})


def _calls(*chunks: dict[str, Any]) -> list[tuple[Any, Any, Any]]:
    body: Any = wire.merge_stream(API, _stream(*chunks)).body
    calls = body["choices"][0]["message"]["tool_calls"]
    return [(c.get("id"), c["function"].get("name"), c["function"].get("arguments")) for c in calls]


def test_parallel_tool_calls_are_told_apart_by_their_index() -> None:
    found = _calls(
        _call(index=0, id="a", function={"name": "f", "arguments": ""}),
        _call(index=1, id="b", function={"name": "g", "arguments": ""}),
        _call(index=0, function={"arguments": '{"x"'}),
        _call(index=1, function={"arguments": "{}"}),
        _call(index=0, function={"arguments": ":1}"}),
    )

    assert found == [("a", "f", '{"x":1}'), ("b", "g", "{}")]


def test_parallel_tool_calls_that_are_all_numbered_0_are_told_apart_by_their_id() -> None:
    found = _calls(
        _call(index=0, id="a", function={"name": "f", "arguments": "{}"}),
        _call(index=0, id="b", function={"name": "f", "arguments": "{}"}),
    )

    assert found == [("a", "f", "{}"), ("b", "f", "{}")]


def test_tool_calls_without_an_index_go_on_with_the_latest() -> None:
    found = _calls(
        _call(id="a", function={"name": "f", "arguments": "{"}),
        _call(function={"arguments": "}"}),
        _call(id="b", function={"name": "g", "arguments": "[]"}),
    )

    assert found == [("a", "f", "{}"), ("b", "g", "[]")]


def test_an_id_and_a_name_that_every_chunk_repeats_are_taken_once() -> None:
    found = _calls(
        _call(index=0, id="a", type="function", function={"name": "f", "arguments": "{"}),
        _call(index=0, id="a", type="function", function={"name": "f", "arguments": "}"}),
    )

    assert found == [("a", "f", "{}")]


def test_a_jump_in_the_index_makes_no_empty_calls() -> None:
    found = _calls(_call(index=7, id="a", function={"name": "f", "arguments": "{}"}))

    assert found == [("a", "f", "{}")]


def test_a_tool_call_whose_function_is_null_is_kept() -> None:
    body: Any = wire.merge_stream(API, _stream(_call(index=0, id="a", function=None))).body

    assert body["choices"][0]["message"]["tool_calls"] == [{"id": "a", "type": "function"}]


def test_a_role_in_every_chunk_stays_one_role() -> None:
    body: Any = wire.merge_stream(
        API,
        _stream(
            _chunk({"role": "assistant", "content": "a"}),
            _chunk({"role": "assistant", "content": "b"}),
        ),
    ).body

    assert body["choices"][0]["message"] == {"role": "assistant", "content": "ab"}


def test_reasoning_of_any_name_is_put_together() -> None:
    body: Any = wire.merge_stream(
        API,
        _stream(
            _chunk({"content": None, "reasoning_content": "Let "}),
            _chunk({"reasoning_content": "me see"}),
            _chunk({"content": "4"}, finish="stop"),
        ),
    ).body

    [message] = wire.output_messages(API, body)

    assert message.parts == (
        {"type": "reasoning", "content": "Let me see"},
        {"type": "text", "content": "4"},
    )


def test_content_in_blocks_is_put_together() -> None:
    def thinking(text: str) -> dict[str, Any]:
        return _chunk(
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}
        )

    body = wire.merge_stream(
        API, _stream(thinking("Hm"), thinking("m."), _chunk({"content": "Yes"}, finish="stop"))
    ).body

    [message] = wire.output_messages(API, body)

    assert message.parts == (
        {"type": "reasoning", "content": "Hmm."},
        {"type": "text", "content": "Yes"},
    )


def test_null_and_missing_choices_are_passed_over() -> None:
    merged = wire.merge_stream(
        API,
        _stream(
            {"id": "c1", "choices": None},
            {"id": "c1", "choices": [None, "x"]},
            _chunk(None),
            _chunk({"content": "a"}, finish="stop"),
            {"id": "c1", "choices": [], "usage": {"prompt_tokens": 1}},
        ),
    )

    assert merged.problem is None
    assert merged.fields.output_text_chars == 1


def test_of_usage_on_every_chunk_the_last_value_that_is_not_null_wins() -> None:
    merged = wire.merge_stream(
        API,
        _stream(
            _chunk({"content": "a"}, usage={"prompt_tokens": 3, "completion_tokens": 1}),
            _chunk({"content": "b"}, usage={"prompt_tokens": None, "completion_tokens": 2}),
            _chunk({}, finish="stop", usage=None),
        ),
    )

    assert merged.fields.usage == {"prompt_tokens": 3, "completion_tokens": 2}
    assert merged.usage_events == 2


def test_usage_that_is_a_string_is_no_usage() -> None:
    merged = wire.merge_stream(API, _stream(_chunk({"content": "a"}, usage="none")))

    assert merged.fields.usage is None


def test_groqs_usage_is_found_beside_its_own_name() -> None:
    merged = wire.merge_stream(
        API,
        _stream(
            _chunk({"content": "a"}, x_groq={"id": "req"}),
            _chunk({}, finish="stop", x_groq={"usage": {"prompt_tokens": 9}}),
        ),
    )

    assert merged.fields.usage == {"prompt_tokens": 9}
    assert merged.body["x_groq"] == {"id": "req", "usage": {"prompt_tokens": 9}}


def test_an_error_in_place_of_a_chunk_is_told() -> None:
    merged = wire.merge_stream(
        API,
        _stream(
            _chunk({"content": "a"}),
            {"error": {"message": "slow down", "type": "rate_limit", "code": 429}},
            done=False,
        ),
    )

    assert (merged.fields.error_type, merged.fields.error_message) == ("rate_limit", "slow down")
    assert not merged.fields.is_complete


def test_a_stream_without_done_is_complete_once_it_has_an_end_and_usage() -> None:
    end = _chunk({}, finish="stop")

    assert not wire.merge_stream(API, _stream(end, done=False)).fields.is_complete
    assert wire.merge_stream(
        API, _stream({**end, "usage": {"prompt_tokens": 1}}, done=False)
    ).fields.is_complete


def test_the_empty_names_of_azures_first_chunk_do_not_win() -> None:
    merged = wire.merge_stream(
        API,
        _stream(
            {"id": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": []},
            _chunk({"content": "a"}, finish="stop", created=5),
        ),
    )

    assert (merged.fields.id, merged.fields.model, merged.body["created"]) == ("c1", "m", 5)


def test_choices_come_in_the_order_of_their_index() -> None:
    def choice(index: int, reason: str) -> dict[str, Any]:
        return {"choices": [{"index": index, "delta": {"content": "x"}, "finish_reason": reason}]}

    merged = wire.merge_stream(API, _stream(choice(2, "length"), choice(0, "stop")))

    assert merged.fields.finish_reasons == ("stop", "length")


def test_log_probabilities_are_put_together() -> None:
    def chunk(token: str) -> dict[str, Any]:
        logprobs = {"content": [{"token": token}], "refusal": None}
        return {"choices": [{"index": 0, "delta": {"content": token}, "logprobs": logprobs}]}

    body: Any = wire.merge_stream(API, _stream(chunk("a"), chunk("b"))).body

    assert body["choices"][0]["logprobs"] == {
        "content": [{"token": "a"}, {"token": "b"}],
        "refusal": None,
    }
