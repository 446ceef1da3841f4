"""Anthropic's usage and cost reports: dollars in the CSV, cents in the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from llmtrace.otlp.imports import anthropic_usage, format_of
from llmtrace.otlp.imports.fields import UnreadableError
from tests.otlp.imports.rows import row_of, tokens

USAGE = {
    "usage_date_utc": "2026-11-01",
    "model_version": "claude-sonnet-4-5-20250929",
    "api_key": "app",
    "workspace": "Default",
    "usage_type": "standard",
    "context_window": "\N{LESS-THAN OR EQUAL TO} 200k",
    "usage_input_tokens_no_cache": "100",
    "usage_input_tokens_cache_write_5m": "20",
    "usage_input_tokens_cache_write_1h": "30",
    "usage_input_tokens_cache_read": "1000",
    "usage_output_tokens": "50",
    "web_search_count": "3",
}
COST = {
    "usage_date_utc": "2026-11-01",
    "model": "Claude Sonnet 4.5",
    "token_type": "output",
    "cost_usd": "0.02",
    "cost_type": "token",
}
BUCKET = {
    "starting_at": "2026-11-01T00:00:00Z",
    "ending_at": "2026-11-02T00:00:00Z",
    "results": [
        {
            "uncached_input_tokens": 100,
            "cache_creation": {"ephemeral_1h_input_tokens": 30, "ephemeral_5m_input_tokens": 20},
            "cache_read_input_tokens": 1000,
            "output_tokens": 50,
            "server_tool_use": {"web_search_requests": 3},
            "model": "claude-sonnet-4-5-20250929",
        }
    ],
}
COSTS = {
    "starting_at": "2026-11-01T00:00:00Z",
    "ending_at": "2026-11-02T00:00:00Z",
    "results": [{"currency": "USD", "amount": "123.78912", "cost_type": "tokens"}],
}


@pytest.mark.parametrize("record", [USAGE, BUCKET])
def test_the_parts_of_the_input_are_added_and_kept_apart(record: dict[str, Any]) -> None:
    row = row_of("anthropic-usage", record)

    assert tokens(row) == (1150, 50, 1000, 50, None)
    assert (row.cache_write_5m_tokens, row.cache_write_1h_tokens) == (20, 30)
    assert row.attributes["llmtrace.usage.requests.web_search"] == "3"
    assert not row.is_inference


def test_a_day_lasts_a_day_and_an_hour_an_hour() -> None:
    hour = {**USAGE, "usage_date_utc": "2026-11-01T13:00:00Z"}

    assert row_of("anthropic-usage", USAGE).duration_ns == 86_400 * 10**9
    assert row_of("anthropic-usage", hour).duration_ns == 3_600 * 10**9


def test_the_csv_tells_dollars_and_the_api_cents() -> None:
    assert row_of("anthropic-usage", COST).cost_usd == Decimal("0.02")
    assert row_of("anthropic-usage", COSTS).cost_usd == Decimal("1.2378912")


def test_a_row_without_a_time_says_why_it_is_none() -> None:
    with pytest.raises(UnreadableError, match="no time"):
        anthropic_usage.read({"model": "x", "output_tokens": 5})


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(UnreadableError, match="usage_output_tokens '-1' is no count"):
        anthropic_usage.read({**USAGE, "usage_output_tokens": "-1"})


@pytest.mark.parametrize("record", [USAGE, COST, BUCKET, COSTS])
def test_its_records_are_recognised(record: dict[str, Any]) -> None:
    assert format_of(frozenset(record)) == "anthropic-usage"
