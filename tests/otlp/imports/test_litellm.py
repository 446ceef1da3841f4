"""LiteLLM's logs become what its OpenTelemetry callback's spans become."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmtrace.otlp.imports import format_of, litellm
from llmtrace.otlp.imports.fields import UnreadableError, snake
from tests.otlp.imports.rows import row_of, tokens

USAGE = {
    "prompt_tokens": 1300,
    "completion_tokens": 50,
    "total_tokens": 1350,
    "prompt_tokens_details": {"cached_tokens": 1000},
    "completion_tokens_details": {"reasoning_tokens": 10},
    "cache_creation_input_tokens": 200,
    "cache_read_input_tokens": 1000,
}
PAYLOAD: dict[str, Any] = {
    "id": "chatcmpl-1",
    "trace_id": "t-77",
    "call_type": "acompletion",
    "stream": True,
    "response_cost": 0.0021,
    "status": "success",
    "custom_llm_provider": "anthropic",
    "prompt_tokens": 1300,
    "completion_tokens": 50,
    "total_tokens": 1350,
    "startTime": 1793527200.0,
    "endTime": 1793527201.5,
    "completionStartTime": 1793527200.5,
    "model": "anthropic/claude-sonnet-4-5",
    "metadata": {"user_api_key_team_id": "team-a", "usage_object": USAGE},
    "cache_hit": False,
    "end_user": "ann",
    "messages": [{"role": "user", "content": "hi"}],
    "response": {
        "model": "claude-sonnet-4-5-20250929",
        "choices": [{"message": {"role": "assistant", "content": "yo"}}],
    },
    "hidden_params": {"response_cost": 0.0021},
}
SPEND = {
    "request_id": "chatcmpl-2",
    "call_type": "acompletion",
    "spend": "0.00004",
    "total_tokens": "150",
    "prompt_tokens": "100",
    "completion_tokens": "50",
    "startTime": "2026-11-01 10:00:00.000",
    "endTime": "2026-11-01 10:00:01.000",
    "completionStartTime": "2026-11-01 10:00:01.000",
    "model": "gpt-4o-mini",
    "custom_llm_provider": "openai",
    "metadata": "{}",
    "cache_hit": "False",
    "team_id": "team-b",
    "user": "u1",
    "session_id": "s-1",
}


def test_cached_and_written_tokens_are_in_its_prompt() -> None:
    assert tokens(row_of("litellm", PAYLOAD)) == (1300, 50, 1000, 200, 10)


def test_a_payload_is_a_call_with_its_models_people_and_times() -> None:
    row = row_of("litellm", PAYLOAD)

    assert row.is_inference
    assert (row.provider, row.request_model) == ("anthropic", "claude-sonnet-4-5")
    assert row.response_model == "claude-sonnet-4-5-20250929"
    assert (row.user_id, row.tenant) == ("ann", "team-a")
    assert (row.duration_ns, row.ttfc_ns) == (1_500_000_000, 500_000_000)
    assert json.loads(row.output_messages or "")[0]["parts"][0]["content"] == "yo"


def test_what_it_says_a_call_cost_is_kept_but_is_not_the_cost() -> None:
    row = row_of("litellm", PAYLOAD)

    assert row.cost_usd is None
    assert row.attributes["llmtrace.cost.stated_usd"] == "0.0021"


def test_a_row_of_its_spend_table_is_read() -> None:
    row = row_of("litellm", SPEND)

    assert tokens(row) == (100, 50, None, None, None)
    assert (row.tenant, row.user_id, row.session_id) == ("team-b", "u1", "s-1")
    assert row.ttfc_ns is None


def test_calls_of_one_trace_stay_together() -> None:
    other = {**PAYLOAD, "id": "chatcmpl-9"}

    assert row_of("litellm", PAYLOAD).trace_id == row_of("litellm", other).trace_id
    assert row_of("litellm", PAYLOAD).span_id != row_of("litellm", other).span_id


@pytest.mark.parametrize("hit", [True, "True"])
def test_an_answer_of_its_cache_costs_nothing(hit: object) -> None:
    row = row_of("litellm", {**PAYLOAD, "cache_hit": hit})

    assert (row.cache_status, row.cost_usd) == ("hit", 0)


def test_a_call_that_failed_says_how() -> None:
    row = row_of(
        "litellm",
        {
            **PAYLOAD,
            "status": "failure",
            "response": None,
            "metadata": {},
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "error_information": {
                "error_code": "429",
                "error_class": "RateLimitError",
                "error_message": "slow down",
            },
        },
    )

    assert (row.status, row.error_type, row.http_status) == ("error", "RateLimitError", 429)
    assert row.status_message == "slow down"


def test_a_request_passed_through_counts_if_it_has_tokens() -> None:
    passed = {**PAYLOAD, "call_type": "pass_through_endpoint"}

    assert row_of("litellm", passed).is_inference
    assert not row_of("litellm", {**PAYLOAD, "call_type": "call_mcp_tool"}).is_inference


def test_a_call_without_an_id_says_why_it_is_none() -> None:
    with pytest.raises(UnreadableError, match="no id or no start time"):
        litellm.read({"call_type": "acompletion"})


@pytest.mark.parametrize("record", [PAYLOAD, SPEND])
def test_its_records_are_recognised(record: dict[str, Any]) -> None:
    assert format_of(frozenset(map(snake, record))) == "litellm"
