"""The table of hand-computed costs: payload → buckets → USD (``conformance.yaml``)."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmtrace.pricing import PriceBook
from llmtrace.records import TokenUsage
from llmtrace.usage import read_reported_cost, read_usage

_ROWS: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("conformance.yaml").read_text(encoding="utf-8")
)
_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_BUCKETS = [
    item.name
    for item in fields(TokenUsage)
    if item.name not in {"requests", "units", "source", "anomaly"}
]
_BOOK = PriceBook()


def _each(rows: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(row, id=row["name"]) for row in rows]


_COUNTED = [row for row in _ROWS if row["buckets"] is not None]
_SUMMED = [row for row in _ROWS if "sum" in row]


def _by_hand(expression: str) -> Decimal:
    """Work out ``tokens * price + …`` in millionths, with nothing but Decimal."""
    total = Decimal(0)
    for term in expression.split("+"):
        count, price = term.split("*")
        total += Decimal(count.strip()) * Decimal(price.strip())
    return total.scaleb(-6)


def _usage(row: dict[str, Any]) -> TokenUsage | None:
    return read_usage(row["api"], row["usage"], response=row.get("response"))


def _cost(row: dict[str, Any]) -> Any:
    usage = _usage(row)
    assert usage is not None
    return _BOOK.price(
        row["provider"],
        row["model"],
        row.get("at", _NOON),
        usage,
        service_tier=row.get("tier"),
        batch=row.get("batch", False),
        reported_usd=read_reported_cost(row["usage"]),
    )


def test_the_table_has_at_least_forty_rows_of_different_names() -> None:
    assert len({row["name"] for row in _ROWS}) == len(_ROWS) >= 40


@pytest.mark.parametrize("row", _each(_SUMMED))
def test_the_arithmetic_of_a_row_gives_its_usd(row: dict[str, Any]) -> None:
    assert _by_hand(row["sum"]) == Decimal(row["usd"])


@pytest.mark.parametrize("row", _each(_ROWS))
def test_a_payload_gives_the_buckets_of_the_table(row: dict[str, Any]) -> None:
    usage = _usage(row)

    expected = row["buckets"]
    if expected is None:
        assert usage is None
        return
    assert usage is not None
    found = {name: getattr(usage, name) for name in _BUCKETS}
    assert found == dict.fromkeys(_BUCKETS, 0) | {
        name: count for name, count in expected.items() if name != "requests"
    }
    assert dict(usage.requests) == expected.get("requests", {})
    assert row.get("anomaly", "") in (usage.anomaly or "")
    assert (usage.anomaly is None) == ("anomaly" not in row)


@pytest.mark.parametrize("row", _each(_COUNTED))
def test_a_call_costs_what_the_table_says(row: dict[str, Any]) -> None:
    cost = _cost(row)

    if row["usd"] is None:
        assert cost.total_usd is None
        assert cost.source == "unpriced"
        assert row["reason"] in cost.reason
        return
    assert cost.total_usd == Decimal(row["usd"])
    assert cost.source == row.get("source", "list")
    assert cost.reason is None


@pytest.mark.parametrize("row", _each([row for row in _COUNTED if "sum" in row]))
def test_the_parts_of_a_cost_add_up_to_its_total(row: dict[str, Any]) -> None:
    cost = _cost(row)

    parts = (
        cost.input_usd,
        cost.output_usd,
        cost.cache_read_usd,
        cost.cache_write_usd,
        cost.tools_usd,
    )
    assert sum(parts) == cost.total_usd


@pytest.mark.parametrize("row", _each([row for row in _ROWS if "savings_usd" in row]))
def test_the_cache_saves_what_the_table_says(row: dict[str, Any]) -> None:
    assert _cost(row).cache_savings_usd == Decimal(row["savings_usd"])
