"""Streams of responses that do not end as they should."""

from __future__ import annotations

from typing import Any

from llmtrace import wire

API = "openai.responses"

_BODY: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-5",
    "output": [
        {
            "type": "reasoning",
            "id": "rs",
            "summary": [{"type": "summary_text", "text": "Let me think about it for a while."}],
        },
        {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": '{"a": 1}'},
        {
            "type": "message",
            "id": "msg",
            "role": "assistant",
            "content": [
                {
                    "type": "output_text",
                    "text": "It is 42, as everybody knows by now.",
                    "annotations": [{"type": "url_citation", "url": "https://x.test"}],
                }
            ],
        },
    ],
    "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
}


def test_the_terminal_event_alone_gives_the_body() -> None:
    events = wire.synthesize_stream(API, _BODY, include_usage=True)

    merged = wire.merge_stream(API, events[-1])

    assert merged.body == _BODY
    assert merged.fields.is_complete
    assert merged.usage_events == 1


def test_without_a_terminal_event_the_deltas_are_put_together() -> None:
    events = wire.synthesize_stream(API, _BODY, include_usage=True)

    merged = wire.merge_stream(API, b"".join(events[:-1]))

    assert merged.body["output"] == _BODY["output"]
    assert not merged.fields.is_complete
    assert merged.fields.usage is None


def test_a_cut_inside_a_text_keeps_the_text_so_far() -> None:
    events = wire.synthesize_stream(API, _BODY, include_usage=True)
    first_delta = next(i for i, e in enumerate(events) if b"response.output_text.delta" in e)

    body: Any = wire.merge_stream(API, b"".join(events[: first_delta + 1])).body

    assert body["output"][-1]["content"][0]["text"] == "It is 42, as everybody k"


def test_a_terminal_event_without_output_is_completed_from_the_deltas() -> None:
    hollow = {**_BODY, "output": []}
    events = [
        *wire.synthesize_stream(API, _BODY, include_usage=True)[:-1],
        wire.synthesize_stream(API, hollow, include_usage=True)[-1],
    ]

    merged = wire.merge_stream(API, b"".join(events))

    assert merged.body["output"] == _BODY["output"]
    assert merged.fields.is_complete


def test_an_error_event_is_told() -> None:
    data = b'event: error\ndata: {"type":"error","code":"server_error","message":"oh"}\n\n'

    merged = wire.merge_stream(API, data)

    assert (merged.fields.error_type, merged.fields.error_message) == ("server_error", "oh")
    assert not merged.fields.is_complete
