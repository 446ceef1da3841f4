"""OpenAI's usage and cost reports: sums of many calls, which never count as one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from llmtrace.otlp.imports import format_of, openai_usage
from llmtrace.otlp.imports.fields import UnreadableError
from tests.otlp.imports.rows import row_of, rows_of, tokens

USAGE = {
    "start_time": "1793491200",
    "end_time": "1793577600",
    "start_time_iso": "2026-11-01T00:00:00+00:00",
    "end_time_iso": "2026-11-02T00:00:00+00:00",
    "project_id": "proj_1",
    "num_model_requests": "12",
    "model": "gpt-4o-mini-2024-07-18",
    "batch": "False",
    "input_tokens": "3000000000",
    "output_tokens": "6000",
    "input_cached_tokens": "50000",
}
COST = {
    "start_time": "1793491200",
    "end_time": "1793577600",
    "amount_value": "0.8958740000000000",
    "amount_currency": "usd",
    "line_item": "gpt-4o-mini, input",
}
PAGE_OF_COSTS = {
    "object": "bucket",
    "start_time": 1793491200,
    "end_time": 1793577600,
    "results": [
        {
            "object": "organization.costs.result",
            "amount": {"value": 0.06, "currency": "usd"},
            "project_id": None,
        }
    ],
}


def test_a_row_is_no_inference_and_says_for_how_many_calls_it_stands() -> None:
    row = row_of("openai-usage", USAGE)

    assert not row.is_inference
    assert row.operation == "usage_report"
    assert tokens(row) == (3_000_000_000, 6000, 50000, None, None)
    assert row.attributes["llmtrace.usage_report.requests"] == "12"
    assert row.attributes["openai.usage.project_id"] == "proj_1"
    assert row.duration_ns == 86_400 * 10**9


def test_a_cost_is_the_providers_and_exact() -> None:
    row = row_of("openai-usage", COST)

    assert (row.cost_usd, row.cost_source) == (Decimal("0.895874"), "provider")
    assert not row.is_inference


def test_pages_of_the_api_hold_buckets_with_rows() -> None:
    row = row_of("openai-usage", PAGE_OF_COSTS)

    assert (row.name, row.cost_usd) == ("openai costs report", Decimal("0.06"))


def test_a_bucket_in_which_nothing_happened_makes_nothing() -> None:
    empty = {**USAGE, **dict.fromkeys(set(USAGE) - {"start_time", "end_time"}, "")}

    assert rows_of("openai-usage", empty) == []
    assert rows_of("openai-usage", {**PAGE_OF_COSTS, "results": []}) == []


def test_the_same_row_is_the_same_span_and_a_later_state_of_it_another_of_one_key() -> None:
    first, again = row_of("openai-usage", USAGE), row_of("openai-usage", USAGE)
    later = row_of("openai-usage", {**USAGE, "num_model_requests": "15"})

    key = "llmtrace.usage_report.key"
    assert first.span_id == again.span_id != later.span_id
    assert first.attributes[key] == later.attributes[key]
    other = row_of("openai-usage", {**USAGE, "project_id": "proj_2"})
    assert other.attributes[key] != first.attributes[key]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"input_tokens": "-5"}, "input_tokens is no count"),
        ({"input_tokens": "=SUM(A1)"}, "input_tokens is no count"),
        ({"input_tokens": "1.5"}, "input_tokens is no count"),
        ({"start_time": "soon"}, "start_time is no time"),
        ({"amount_value": "much"}, "amount_value is no amount"),
        ({"amount_value": "1", "amount_currency": "eur"}, "not in USD"),
    ],
)
def test_a_row_that_cannot_be_believed_is_refused_whole(
    change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UnreadableError) as caught:
        openai_usage.read({**USAGE, **change})

    assert caught.value.reason == reason


@pytest.mark.parametrize("record", [USAGE, COST, PAGE_OF_COSTS])
def test_its_records_are_recognised(record: dict[str, Any]) -> None:
    assert format_of(frozenset(record)) == "openai-usage"
