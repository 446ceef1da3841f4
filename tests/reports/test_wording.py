"""Words for figures: rounded for people, never 0 for what is unknown or small."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from llmtrace.reports.document import Document
from llmtrace.reports.facts import Comparison, Mover, Report
from llmtrace.reports.spans import Span
from llmtrace.reports.wording import MAX_ROWS, document, money, percent
from llmtrace.store.usual import Usual
from tests.store.calls import NOON

WEEK = timedelta(days=7)


def a_row(name: str | None, cost: str | None, **fields: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "user": name, "requests": 2, "errors": 1, "input_tokens": 10, "output_tokens": 5,
        "cache_read_tokens": None, "cost": None if cost is None else Decimal(cost),
        "unpriced_count": 0, "share": 0.5, "cost_per_request": Decimal("0.5"),
        "cost_per_1k_tokens": None, "cache_savings": None, "total_tokens": 15,
        "previous_cost": Decimal(1), "change": 0.25,
    }  # fmt: skip
    return known | fields


def a_report(**fields: Any) -> Report:
    usual = Usual(verdict="high", periods=5, low=Decimal(1), high=Decimal("3.5"))
    before = {"cost": Decimal(2), "unpriced_count": 0, "requests": 4, "errors": 0}
    known: dict[str, Any] = {
        "by": "user",
        "span": Span(start=NOON - WEEK, end=NOON),
        "rows": [a_row("ann", "3"), a_row(None, "1", previous_cost=Decimal(0), change=None)],
        "total": a_row(None, "4"),
        "unpriced": [],
        "comparison": Comparison(
            start=NOON - 2 * WEEK,
            end=NOON - WEEK,
            total=before,
            change=1.0,
            usual=usual,
            movers=(Mover(value="ann", before=Decimal(5), now=Decimal(3), change=Decimal(-2)),),
        ),
    }
    return Report(**(known | fields))


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1234.565", "$1,234.57"),
        ("0", "$0.00"),
        ("0.0123", "$0.0123"),
        ("0.0042", "$0.0042"),
        ("0.000012", "$0.000012"),
        ("0.000000000001", "$0.000000000001"),
        ("-2.5", "-$2.50"),
    ],
)
def test_money_is_rounded_but_never_to_nothing(amount: str, text: str) -> None:
    assert money(Decimal(amount)) == text


def test_money_that_is_not_all_is_a_lower_bound_and_unknown_is_no_number() -> None:
    assert money(Decimal(2), unpriced=1) == "≥ $2.00"
    assert money(None, unpriced=1) == "unpriced"
    assert money(None) == "–"


def test_a_change_has_its_sign_and_a_large_one_is_a_multiple() -> None:
    changes = [percent(ratio, is_change=True) for ratio in (0.5, -1.0, 41.0, -0.0004, None)]

    assert changes == ["+50.0%", "-100.0%", "42×", "0.0%", "–"]


def test_the_summary_says_total_change_and_whether_that_is_usual() -> None:
    assert document(a_report()).summary == (
        "Spent $4.00, +100.0% on the time before ($2.00); "
        "unusually high ($1.00 to $3.50 in 5 earlier periods)"
    )


def test_without_history_it_says_so() -> None:
    report = a_report()
    assert report.comparison is not None
    few = replace(report.comparison, usual=Usual(verdict="unknown", periods=2))

    told = document(replace(report, comparison=few)).summary

    assert told.endswith("not enough history to say what is usual (2 earlier periods)")


def test_no_calls_are_no_zero_dollars() -> None:
    empty = a_row(None, None, requests=0, errors=0)

    assert document(a_report(rows=[], total=empty)).summary == "No calls in this time"


def test_a_row_says_what_is_new_and_what_has_no_value() -> None:
    first, second = document(a_report()).rows

    assert first[:4] == ("ann", "$3.00", "50.0%", "+25.0%")
    assert second[:4] == ("(none)", "$1.00", "50.0%", "new")


def test_rows_beyond_the_twentieth_are_one_that_adds_up() -> None:
    rows = [a_row(f"u{number}", "1") for number in range(MAX_ROWS)]
    rest = [a_row("x", "0.25"), a_row("y", None, unpriced_count=2)]

    told = document(a_report(rows=rows + rest)).rows

    assert len(told) == MAX_ROWS + 1
    assert told[-1][:6] == ("(2 more)", "≥ $0.2500", "6.2%", "–", "4", "2")


def test_movers_name_both_costs() -> None:
    assert document(a_report()).movers == (("ann", "-$2.00 ($5.00 → $3.00)"),)


def test_notes_count_what_has_no_price_and_name_the_filter() -> None:
    report = a_report(unpriced=[("in\u202ehouse", 3), (None, 1)], filters={"tenant": ("acme",)})

    notes = document(report).notes

    assert notes[0].startswith("4 calls of in\\u202ehouse, (none) without a price")
    assert "Only calls with tenant acme" in notes


def test_a_document_survives_the_outbox() -> None:
    told = document(a_report())

    assert Document.from_json(told.to_json()) == told
