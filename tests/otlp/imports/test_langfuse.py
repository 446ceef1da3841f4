"""Langfuse's exports become what its SDK's own spans become."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmtrace.otlp.imports import format_of, langfuse
from llmtrace.otlp.imports.fields import UnreadableError, snake
from tests.otlp.imports.rows import row_of, rows_of, tokens

BLOB = {
    "id": "b7ad6b7169203331",
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "type": "GENERATION",
    "parent_observation_id": "00f067aa0ba902b7",
    "start_time": "2026-11-01 10:00:00.000000",
    "end_time": "2026-11-01 10:00:02.500000",
    "completion_start_time": "2026-11-01 10:00:00.400000",
    "name": "answer",
    "environment": "production",
    "metadata": {"ls_provider": "anthropic", "team": "search"},
    "level": "DEFAULT",
    "input": '[{"role":"user","content":"hi"}]',
    "output": '{"role":"assistant","content":"hello"}',
    "provided_model_name": "claude-sonnet-4-5",
    "usage_details": {"input": "10", "input_cached_tokens": "90", "output": "5", "total": "105"},
    "cost_details": {"total": "0.0003"},
    "user_id": "ann",
    "session_id": "s1",
    "latency": 2.5,
}
API = {
    "id": "cm2obs",
    "traceId": "cm2trace",
    "type": "GENERATION",
    "startTime": "2026-11-01T10:00:00.000Z",
    "endTime": "2026-11-01T10:00:02.500Z",
    "model": "gpt-4o-mini",
    "usage": {"input": 100, "output": 5, "total": 105, "unit": "TOKENS"},
    "calculatedTotalCost": 0.0001,
    "level": "ERROR",
    "statusMessage": "rate limited",
}


def test_an_observation_keeps_ids_times_models_people_and_what_it_says() -> None:
    row = row_of("langfuse", BLOB)

    assert row.trace_id.hex() == BLOB["trace_id"]
    assert f"{row.span_id:016x}" == BLOB["id"]
    assert f"{row.parent_span_id:016x}" == BLOB["parent_observation_id"]
    assert row.duration_ns == 2_500_000_000
    assert row.ttfc_ns == 400_000_000
    assert (row.provider, row.request_model) == ("anthropic", "claude-sonnet-4-5")
    assert (row.user_id, row.session_id, row.environment) == ("ann", "s1", "production")
    assert row.origin == "import.langfuse"
    assert row.is_inference
    assert json.loads(row.output_messages or "")[0]["parts"][0]["content"] == "hello"


def test_cached_tokens_beside_the_input_are_added_to_it() -> None:
    assert tokens(row_of("langfuse", BLOB)) == (100, 5, 90, None, None)


def test_what_it_says_a_call_cost_is_kept_but_is_not_the_cost() -> None:
    row = row_of("langfuse", BLOB)

    assert row.cost_usd is None
    assert row.attributes["llmtrace.cost.stated_usd"] == "0.0003"


def test_unknown_fields_are_kept() -> None:
    row = row_of("langfuse", {**BLOB, "prompt_name": "greeting", "tool_calls": [{"a": 1}]})

    assert row.attributes["langfuse.prompt_name"] == "greeting"
    assert row.attributes["langfuse.tool_calls"] == '[{"a":1}]'
    assert row.attributes["langfuse.observation.metadata.team"] == "search"


def test_the_api_of_before_with_its_usage_object_is_read() -> None:
    row = row_of("langfuse", API)

    assert tokens(row) == (100, 5, None, None, None)
    assert (row.status, row.status_message) == ("error", "rate limited")


def test_usage_in_characters_is_not_taken_for_tokens() -> None:
    row = row_of("langfuse", {**API, "usage": {"input": 100, "output": 5, "unit": "CHARACTERS"}})

    assert row.input_tokens is None
    assert "CHARACTERS" in row.attributes["langfuse.usage"]


def test_the_cells_of_a_csv_say_the_same() -> None:
    cells = {k: json.dumps(v) if isinstance(v, dict) else str(v) for k, v in BLOB.items()}

    from_csv, from_json = row_of("langfuse", cells), row_of("langfuse", BLOB)

    assert tokens(from_csv) == tokens(from_json)
    assert (from_csv.span_id, from_csv.provider) == (from_json.span_id, from_json.provider)


def test_a_trace_hands_people_and_session_on_to_its_observations() -> None:
    trace = {"id": "t1", "timestamp": "2026-11-01T10:00:00Z", "name": "chat", "userId": "ann"}
    child = {**API, "id": "c2", "traceId": "t1", "parentObservationId": "cm2obs", "type": "SPAN"}

    first, second = rows_of(
        "langfuse", {**trace, "sessionId": "s1", "observations": [{**API, "traceId": "t1"}, child]}
    )

    assert {first.user_id, second.user_id} == {"ann"}
    assert {first.session_id, second.session_id} == {"s1"}
    assert first.trace_id == second.trace_id
    assert second.parent_span_id == first.span_id
    assert not second.is_inference


def test_a_trace_alone_is_a_step_that_costs_nothing() -> None:
    row = row_of(
        "langfuse",
        {
            "id": "t1",
            "timestamp": "2026-11-01T10:00:00Z",
            "sessionId": "s",
            "latency": 2,
            "totalCost": 9,
        },
    )

    assert not row.is_inference
    assert row.duration_ns == 2_000_000_000
    assert row.attributes["langfuse.trace.total_cost"] == "9.0"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({**BLOB, "id": None}, "no id"),
        ({**BLOB, "start_time": None}, "no start time"),
        ({**BLOB, "start_time": "yesterday"}, "start_time is no time"),
        ({**BLOB, "start_time": "2262-12-31 00:00:00"}, "start_time cannot be stored"),
        ({"trace_id": "t", "value": 1, "data_type": "NUMERIC"}, "a score"),
    ],
)
def test_what_cannot_become_a_span_says_why(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        langfuse.read(record)

    assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize("record", [BLOB, API])
def test_its_records_are_recognised(record: dict[str, Any]) -> None:
    assert format_of(frozenset(map(snake, record))) == "langfuse"
