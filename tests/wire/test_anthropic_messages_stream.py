"""Streams of Anthropic messages."""

from __future__ import annotations

import json
from typing import Any

from llmtrace import wire

API = "anthropic.messages"


def _stream(*events: dict[str, Any]) -> bytes:
    return b"".join(
        b"event: " + event["type"].encode() + b"\ndata: " + json.dumps(event).encode() + b"\n\n"
        for event in events
    )


def _start(**usage: Any) -> dict[str, Any]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude"}
    return {"type": "message_start", "message": {**message, "content": [], "usage": usage}}


def _delta(index: int, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def test_usage_of_the_delta_overwrites_and_the_rest_stays() -> None:
    merged = wire.merge_stream(
        API,
        _stream(
            _start(
                input_tokens=5, output_tokens=1, cache_creation={"ephemeral_1h_input_tokens": 7}
            ),
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn"},
                "usage": {"output_tokens": 40, "input_tokens": None},
            },
            {"type": "message_stop"},
        ),
    )

    assert merged.fields.usage == {
        "input_tokens": 5,
        "output_tokens": 40,
        "cache_creation": {"ephemeral_1h_input_tokens": 7},
    }
    assert merged.usage_events == 2
    assert merged.fields.finish_reasons == ("end_turn",)


def test_input_of_a_tool_is_parsed_when_whole_and_kept_as_text_when_cut() -> None:
    start = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    }
    whole: Any = wire.merge_stream(
        API, _stream(_start(), start, _delta(0, type="input_json_delta", partial_json='{"a":1}'))
    ).body
    cut: Any = wire.merge_stream(
        API, _stream(_start(), start, _delta(0, type="input_json_delta", partial_json='{"a":'))
    ).body

    assert whole["content"][0]["input"] == {"a": 1}
    assert cut["content"][0]["input"] == '{"a":'


def test_an_overload_in_mid_stream_is_told_and_the_text_so_far_is_kept() -> None:
    merged = wire.merge_stream(
        API,
        _stream(
            _start(),
            _delta(0, type="text_delta", text="Hel"),
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        ),
    )

    assert merged.fields.error_type == "overloaded_error"
    assert merged.fields.output_text_chars == 3
    assert not merged.fields.is_complete


def test_unknown_events_blocks_and_deltas_are_passed_over_or_kept() -> None:
    merged = wire.merge_stream(
        API,
        _stream(
            {"type": "ping"},
            _start(),
            {"type": "content_block_start", "index": 3, "content_block": {"type": "new", "x": 1}},
            _delta(3, type="new_delta", words="a"),
            _delta(3, type="new_delta", words="b"),
            {"type": "new_event"},
            {"type": "message_stop"},
        ),
    )

    assert merged.problem is None
    assert merged.body["content"] == [{"type": "new", "x": 1, "words": "ab"}]
