"""Helicone's requests become calls, by the provider's own usage where the answer was exported."""

from __future__ import annotations

from typing import Any

import pytest

from llmtrace.otlp.imports import format_of, helicone
from llmtrace.otlp.imports.fields import UnreadableError, snake
from tests.otlp.imports.rows import row_of, tokens

REQUEST: dict[str, Any] = {
    "request_id": "5a0f6c1e-3b1d-4e55-9c77-1b2a3c4d5e6f",
    "response_id": "r1",
    "request_created_at": "2026-11-01T10:00:00+00:00",
    "response_status": 200,
    "request_model": "gpt-4o-mini",
    "response_model": "gpt-4o-mini-2024-07-18",
    "provider": "OPENAI",
    "prompt_tokens": 1000,
    "prompt_cache_read_tokens": 900,
    "completion_tokens": 50,
    "total_tokens": 1050,
    "delay_ms": 1000,
    "time_to_first_token": 200,
    "request_user_id": "ann",
    "request_properties": {"Helicone-Session-Id": "s9", "app": "shop"},
    "request_path": "https://oai.helicone.ai/v1/chat/completions",
    "costUSD": 0.0002,
    "cache_reference_id": "00000000-0000-0000-0000-000000000000",
}
CLAUDE = {**REQUEST, "provider": "ANTHROPIC", "request_model": "claude-sonnet-4-5"}


def test_a_request_is_a_call_with_its_times_people_and_tags() -> None:
    row = row_of("helicone", REQUEST)

    assert row.is_inference
    assert (row.provider, row.operation) == ("openai", "chat")
    assert (row.duration_ns, row.ttfc_ns) == (1_000_000_000, 200_000_000)
    assert (row.user_id, row.session_id, dict(row.tags)) == ("ann", "s9", {"app": "shop"})
    assert row.attributes["llmtrace.cost.stated_usd"] == "0.0002"


def test_the_cache_is_in_the_prompt_but_of_anthropic_beside_it() -> None:
    beside = {**CLAUDE, "response_model": None, "prompt_tokens": 100, "total_tokens": 150}

    assert tokens(row_of("helicone", REQUEST)) == (1000, 50, 900, None, None)
    assert tokens(row_of("helicone", beside)) == (1000, 50, 900, None, None)


def test_the_providers_own_usage_counts_before_helicones_columns() -> None:
    usage = {
        "input_tokens": 100,
        "output_tokens": 60,
        "cache_read_input_tokens": 800,
        "cache_creation_input_tokens": 100,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 100},
    }

    row = row_of("helicone", {**CLAUDE, "response_body": {"usage": usage, "content": []}})

    assert tokens(row) == (1000, 60, 800, 100, None)
    assert row.cache_write_1h_tokens == 100
    assert row.response_body is not None


def test_an_answer_of_its_cache_costs_nothing() -> None:
    row = row_of("helicone", {**REQUEST, "cache_reference_id": "9f3c-earlier"})

    assert (row.cache_status, row.cost_usd, row.cost_source) == ("hit", 0, "provider")


@pytest.mark.parametrize(("status", "http"), [(429, 429), (-3, None)])
def test_a_refused_or_cancelled_request_is_an_error(status: int, http: int | None) -> None:
    row = row_of("helicone", {**REQUEST, "response_status": status})

    assert (row.status, row.http_status, row.error_type) == ("error", http, str(status))


def test_a_row_of_its_csv_is_read_with_quotes_that_were_doubled_twice() -> None:
    row = row_of(
        "helicone",
        {
            "response_id": "r1",
            "request_created_at": "2026-11-01T10:00:00+00:00",
            "response_status": "200",
            "request_properties": '{""app"":""shop""}',
            "model": "gpt-4o-mini",
            "prompt_tokens": "10",
            "completion_tokens": "5",
            "latency": "120",
            "cost": "0.1",
        },
    )

    assert (row.input_tokens, row.output_tokens, row.duration_ns) == (10, 5, 120_000_000)
    assert dict(row.tags) == {"app": "shop"}


def test_counts_that_cannot_be_true_become_unknown_and_stay_to_be_seen() -> None:
    row = row_of("helicone", {**REQUEST, "prompt_tokens": -5, "completion_tokens": "=1+1"})

    assert (row.input_tokens, row.output_tokens) == (None, None)
    assert row.attributes["gen_ai.usage.input_tokens"] == "-5"
    assert row.attributes["helicone.completion_tokens"] == "=1+1"


@pytest.mark.parametrize(
    ("path", "operation"),
    [("/v1/embeddings", "embeddings"), ("/v1/completions", "text_completion"), ("", "chat")],
)
def test_the_path_says_what_was_asked(path: str, operation: str) -> None:
    assert row_of("helicone", {**REQUEST, "request_path": path}).operation == operation


def test_a_request_without_an_id_says_why_it_is_none() -> None:
    with pytest.raises(UnreadableError, match="no id"):
        helicone.read({"request_created_at": "2026-11-01T10:00:00Z"})


def test_its_records_are_recognised() -> None:
    assert format_of(frozenset(map(snake, REQUEST))) == "helicone"
