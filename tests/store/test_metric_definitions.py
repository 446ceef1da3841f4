"""The table of definitions can be quoted: each measure says its unit and what it means."""

from __future__ import annotations

import pytest

from llmtrace.errors import QueryError
from llmtrace.store.metric_definitions import (
    DIMENSIONS,
    MEASURES,
    MONEY,
    check_dimension,
    check_measure,
)

UNITS = {
    "calls", "ratio", "USD", "tokens", "tokens/call", "ms", "tokens/s", "retries",
    "users", "tenants", "sessions",
}  # fmt: skip


def test_every_measure_says_its_unit_and_meaning() -> None:
    for measure in MEASURES.values():
        assert measure.unit in UNITS
        assert measure.meaning.endswith(".")


def test_money_is_what_is_counted_in_dollars() -> None:
    assert sorted(MONEY) == [
        "cache_savings", "cost", "cost_per_1k_tokens", "cost_per_request", "uncached_input_cost",
    ]  # fmt: skip


def test_known_names_and_tags_pass() -> None:
    for name in (*DIMENSIONS, "tag.team", "tag.a b"):
        check_dimension(name)
    check_measure("cost")


def test_a_name_that_is_near_nothing_gets_the_whole_list() -> None:
    with pytest.raises(QueryError, match="known: requests, errors"):
        check_measure("zzz")
