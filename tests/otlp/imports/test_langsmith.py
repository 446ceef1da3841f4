"""LangSmith's runs become what its own exporter's spans become."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmtrace.otlp.imports import format_of, langsmith
from llmtrace.otlp.imports.fields import UnreadableError, snake
from tests.otlp.imports.rows import row_of, tokens

TRACE = "7e8fb0ec-8a0e-4bb3-9d6d-0b2f6b3f9d10"
USAGE = {
    "input_tokens": 1000,
    "output_tokens": 50,
    "total_tokens": 1050,
    "input_token_details": {"cache_read": 900},
    "output_token_details": {"reasoning": 10},
}
RUN: dict[str, Any] = {
    "id": "c9b1f8a2-53a7-4d0f-9a57-6a3a0a1e7f01",
    "name": "ChatOpenAI",
    "run_type": "llm",
    "start_time": "2026-11-01T10:00:00.000000",
    "end_time": "2026-11-01T10:00:01.000000",
    "first_token_time": "2026-11-01T10:00:00.250000",
    "trace_id": TRACE,
    "parent_run_id": TRACE,
    "session_id": "2f0b8c52-6f57-4e0c-8a8e-3c1f0a9b7d55",
    "session_name": "shop",
    "extra": {
        "metadata": {"ls_provider": "openai", "ls_model_name": "gpt-4o-mini", "thread_id": "t-1"},
        "runtime": {"library": "langchain"},
    },
    "inputs": {"messages": [{"role": "user", "content": "hi"}]},
    "outputs": {
        "generations": [
            [
                {
                    "message": {
                        "kwargs": {
                            "content": "yo",
                            "usage_metadata": USAGE,
                            "response_metadata": {"model_name": "gpt-4o-mini-2024-07-18"},
                        }
                    }
                }
            ]
        ]
    },
    "prompt_tokens": 1000,
    "completion_tokens": 50,
    "total_tokens": 1050,
    "total_cost": "0.000112",
    "status": "success",
}


def test_a_run_of_a_model_is_a_call_with_its_tokens_models_and_wait() -> None:
    row = row_of("langsmith", RUN)

    assert row.is_inference
    assert tokens(row) == (1000, 50, 900, None, 10)
    assert (row.provider, row.request_model) == ("openai", "gpt-4o-mini")
    assert row.response_model == "gpt-4o-mini-2024-07-18"
    assert row.ttfc_ns == 250_000_000
    assert row.attributes["llmtrace.cost.stated_usd"] == "0.000112"


def test_ids_are_those_of_its_own_exporter_over_opentelemetry() -> None:
    row = row_of("langsmith", RUN)

    assert row.trace_id.hex() == TRACE.replace("-", "")
    assert f"{row.span_id:016x}" == "c9b1f8a253a74d0f"
    assert f"{row.parent_span_id:016x}" == "7e8fb0ec8a0e4bb3"


def test_ids_that_begin_with_the_time_do_not_fall_together() -> None:
    first = {**RUN, "id": "019a3c5e-7d10-7a11-8000-000000000001"}
    second = {**RUN, "id": "019a3c5e-7d10-7a11-8000-000000000002"}

    assert row_of("langsmith", first).span_id != row_of("langsmith", second).span_id


def test_its_session_is_a_project_and_the_thread_is_the_conversation() -> None:
    row = row_of("langsmith", RUN)

    assert row.service == "shop"
    assert row.session_id == "t-1"
    assert row.attributes["langsmith.session_id"] == RUN["session_id"]


def test_a_chain_that_repeats_the_sums_of_its_calls_does_not_count() -> None:
    row = row_of("langsmith", {**RUN, "run_type": "chain", "outputs": {"answer": "yo"}})

    assert not row.is_inference
    assert row.input_tokens == 1000


def test_the_runs_own_columns_are_read_where_the_outputs_tell_no_usage() -> None:
    row = row_of(
        "langsmith",
        {
            **RUN,
            "outputs": {"text": "yo"},
            "prompt_token_details": {"cache_read": 600},
            "completion_token_details": {"reasoning": 20},
        },
    )

    assert tokens(row) == (1000, 50, 600, None, 20)


def test_cells_of_a_csv_say_the_same() -> None:
    cells = {k: json.dumps(v) if isinstance(v, dict) else str(v) for k, v in RUN.items()}

    assert tokens(row_of("langsmith", cells)) == (1000, 50, 900, None, 10)


def test_a_run_that_failed_is_an_error_and_one_without_an_end_has_no_length() -> None:
    failed = row_of("langsmith", {**RUN, "error": "RateLimitError(...)", "outputs": None})
    pending = row_of("langsmith", {**RUN, "end_time": None})

    assert (failed.status, failed.status_message) == ("error", "RateLimitError(...)")
    assert pending.duration_ns is None


def test_milliseconds_since_1970_are_times_too() -> None:
    row = row_of("langsmith", {**RUN, "start_time": 1793527200000, "end_time": 1793527201000})

    assert row.start_time_us == 1793527200000 * 1000


def test_a_run_without_a_start_says_why_it_is_none() -> None:
    with pytest.raises(UnreadableError, match="no id or no start time"):
        langsmith.read({"id": "x", "run_type": "llm"})


def test_its_records_are_recognised() -> None:
    assert format_of(frozenset(map(snake, RUN))) == "langsmith"
