"""The suite of hand-computed costs: payload → buckets → USD (``*.yaml``; see README.md here)."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from llmtrace.pricing import PriceBook
from llmtrace.records import TokenUsage
from llmtrace.usage import read_reported_cost, read_usage

_ROWS: Final[list[dict[str, Any]]] = [
    row
    for file in sorted(Path(__file__).parent.glob("*.yaml"))
    for row in yaml.safe_load(file.read_text(encoding="utf-8"))
]
_FIELDS: Final = {
    *("name", "api", "provider", "model", "usage", "response", "tier", "batch", "at"),
    *("buckets", "anomaly", "usage_source", "sum", "usd", "reason", "source", "savings_usd"),
}
_NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
_TOKENS: Final = [
    item.name
    for item in fields(TokenUsage)
    if item.name not in {"requests", "units", "source", "anomaly"}
]
_BOOK: Final = PriceBook()


def _each(rows: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(row, id=row["name"]) for row in rows]


_COUNTED: Final = [row for row in _ROWS if row["buckets"] is not None]
_PRICED: Final = [row for row in _COUNTED if "usd" in row]
_SUMMED: Final = [row for row in _ROWS if "sum" in row]


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


def test_the_suite_has_a_hundred_rows_of_different_names_and_known_fields() -> None:
    assert len({row["name"] for row in _ROWS}) == len(_ROWS) >= 100
    assert {field for row in _ROWS for field in row} <= _FIELDS


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
    found = {name: getattr(usage, name) for name in _TOKENS}
    tokens = {name: count for name, count in expected.items() if name in _TOKENS}
    assert found == dict.fromkeys(_TOKENS, 0) | tokens
    assert dict(usage.requests) == expected.get("requests", {})
    assert dict(usage.units) == expected.get("units", {})
    assert row.get("anomaly", "") in (usage.anomaly or "")
    assert (usage.anomaly is None) == ("anomaly" not in row)
    assert usage.source == row.get("usage_source", "provider")


@pytest.mark.parametrize("row", _each(_PRICED))
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


@pytest.mark.parametrize("row", _each([row for row in _PRICED if "sum" in row]))
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
