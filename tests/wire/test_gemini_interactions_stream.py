"""Events of an interaction become one answer, and an answer becomes events again."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.recordings.exchanges import EXCHANGES, recorded
from llmtrace import semconv, wire
from tests.wire.recorded import needs_recordings

API = semconv.API_GEMINI_INTERACTIONS
WHOLE: dict[str, Any] = {
    "id": "v1_a",
    "object": "interaction",
    "model": "m",
    "status": "requires_action",
    "usage": {"total_tokens": 9},
    "steps": [
        {"type": "thought", "summary": [{"type": "text", "text": "Hm."}], "signature": "s"},
        {
            "type": "model_output",
            "content": [
                {"type": "text", "text": "word " * 20, "annotations": [{"type": "url_citation"}]},
                {"type": "image", "data": "aGk="},
                {"type": "text", "text": "and on"},
            ],
        },
        {"type": "function_call", "id": "c1", "name": "f", "arguments": {"city": "Lyon"}},
        {"type": "google_search_result", "call_id": "c2", "result": [{"x": 1}]},
    ],
}


def events(*given: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in given)


def test_an_answer_taken_apart_is_put_together_again() -> None:
    stream = b"".join(wire.synthesize_stream(API, WHOLE, include_usage=True))

    merged = wire.merge_stream(API, stream)

    assert merged.body == WHOLE
    assert merged.fields.is_complete
    assert merged.usage_events == 1


def test_a_cut_stream_gives_what_had_arrived() -> None:
    stream = b"".join(wire.synthesize_stream(API, WHOLE, include_usage=True)[:6])

    merged = wire.merge_stream(API, stream)

    assert not merged.fields.is_complete
    assert merged.fields.usage is None
    assert wire.output_messages(API, merged.body)[0].parts[0] == {
        "type": "reasoning",
        "content": "Hm.",
    }


def test_usage_told_by_a_step_is_kept_until_the_end_tells_all() -> None:
    told = {"event_type": "step.stop", "index": 0, "usage": {"total_input_tokens": 4}}

    assert wire.merge_stream(API, events(told)).fields.usage == {"total_input_tokens": 4}


def test_an_error_event_is_an_error() -> None:
    error = {"code": "UNAVAILABLE", "message": "Overloaded."}

    merged = wire.merge_stream(API, events({"event_type": "error", "error": error}))
    (again,) = wire.synthesize_stream(API, merged.body, include_usage=True)

    assert merged.fields.error_type == "UNAVAILABLE"
    assert wire.merge_stream(API, again).body == merged.body


def test_deltas_without_a_start_are_kept() -> None:
    delta = {"type": "text", "text": "late"}
    note = {"type": "text_annotation_delta", "annotations": [{"type": "x"}]}

    merged = wire.merge_stream(
        API,
        events(
            {"event_type": "step.delta", "index": 3, "delta": note},
            {"event_type": "step.delta", "index": 2, "delta": delta},
            {"event_type": "interaction.status_update", "status": "in_progress"},
        ),
    )

    assert merged.body["steps"] == [{"content": [delta]}, {"content": [note]}]
    assert merged.body["status"] == "in_progress"


@needs_recordings
def test_recorded_interactions_survive_being_taken_apart() -> None:
    rows = [row for row in recorded(EXCHANGES) if row["endpoint"] == "/interactions"]

    for row in rows:
        data = row["response_body"].encode()
        body = wire.merge_stream(API, data).body if row["stream"] else json.loads(data)
        pieces = wire.synthesize_stream(API, body, include_usage=True)
        assert wire.merge_stream(API, b"".join(pieces)).body == body, row["id"]
        assert wire.response_fields(API, body).usage == row["truth"]["usage"]
    assert rows
