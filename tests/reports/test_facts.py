"""The figures of a report are those of plain SQL."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.reports.facts import make_report
from llmtrace.reports.spans import Span
from llmtrace.store import DATABASE_FILE, Writer
from tests.store.calls import NOON, call, failed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from llmtrace.otlp.rows import SpanRow

WEEK = timedelta(days=7)
THIS_WEEK = Span(start=NOON - WEEK, end=NOON)
AT = NOON - timedelta(hours=5)


def cents(amount: float, at: datetime = AT, **columns: Any) -> SpanRow:
    return call(at, cost_usd=Decimal(str(amount)) / 100, **columns)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Writer]:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.insert(
            [
                cents(30, feature="chat", cache_savings_usd=Decimal("0.07")),
                cents(10, feature="chat", input_tokens=900, output_tokens=80),
                cents(20, feature="search"),
                call(AT, feature="search", request_model="in-house", cost_usd=None),
                failed(AT, feature="chat"),
                call(AT, request_model="in-house", cost_usd=None),
                cents(25, AT - WEEK, feature="chat"),
                cents(90, AT - WEEK, feature="gone"),
                *(cents(100 + week, AT - WEEK * week, feature="chat") for week in range(2, 7)),
            ]
        )
        yield writer


def test_each_row_is_what_plain_sql_says(store: Writer) -> None:
    report = make_report(store, by="feature", span=THIS_WEEK)

    expected = store.sql(
        """
        select
            feature, count(*) as requests, count(*) filter (where is_error) as errors,
            sum(cost_usd) as cost, count(*) filter (where is_unpriced) as unpriced_count,
            sum(cache_savings_usd) as cache_savings,
            sum(cost_usd) / nullif(count(cost_usd), 0) as cost_per_request
        from llm_calls where start_time >= ? and start_time < ?
        group by feature order by cost desc nulls last
        """,
        [THIS_WEEK.start, THIS_WEEK.end],
    ).to_pylist()
    names = set(expected[0]) - {"cost_per_request"}
    assert [{name: row[name] for name in names} for row in report.rows] == [
        {name: row[name] for name in names} for row in expected
    ]
    assert [row["cost_per_request"] for row in report.rows] == [
        Decimal("0.2"), Decimal("0.2"), None,
    ]  # fmt: skip


def test_shares_changes_and_thousands_of_tokens_are_arithmetic_on_them(store: Writer) -> None:
    chat, search, none = make_report(store, by="feature", span=THIS_WEEK).rows

    assert (chat["share"], search["share"], none["share"]) == (0.4 / 0.6, 0.2 / 0.6, None)
    assert chat["change"] == pytest.approx(0.6)
    assert chat["cost_per_1k_tokens"] == (Decimal("0.4") * 1000 / 1100).quantize(Decimal("1e-12"))
    assert search["cost_per_1k_tokens"] is None
    assert (none["previous_cost"], none["change"]) == (0, None)


def test_the_total_stands_to_the_week_before_and_to_what_is_usual(store: Writer) -> None:
    found = make_report(store, by="feature", span=THIS_WEEK).comparison

    assert found is not None
    assert found.total["cost"] == Decimal("1.15")
    assert found.change == pytest.approx(0.6 / 1.15 - 1)
    # Of the six weeks before only five lie within what is stored: the oldest began before it.
    assert (found.usual.verdict, found.usual.periods) == ("unknown", 5)


def test_a_usual_week_needs_every_cost_to_be_known(store: Writer) -> None:
    priced = {"feature": ("chat", "search"), "model": ("gpt-5",)}

    found = make_report(store, by="model", span=THIS_WEEK, filters=priced).comparison

    assert found is not None
    assert (found.usual.verdict, found.usual.periods) == ("low", 5)


def test_what_moved_most_comes_first_and_what_went_is_there(store: Writer) -> None:
    found = make_report(store, by="feature", span=THIS_WEEK).comparison

    assert found is not None
    assert [(each.value, each.change) for each in found.movers] == [
        ("gone", Decimal("-0.9")),
        ("search", Decimal("0.2")),
        ("chat", Decimal("0.15")),
    ]


def test_models_without_a_price_are_counted(store: Writer) -> None:
    report = make_report(store, by="feature", span=THIS_WEEK, is_compared=False)

    assert report.unpriced == [("in-house", 2)]
    assert report.comparison is None


def test_an_empty_store_has_a_report_of_nothing(tmp_path: Path) -> None:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        report = make_report(writer, by="model", span=THIS_WEEK)

    assert (report.rows, report.total["requests"], report.total["cost"]) == ([], 0, None)
    assert report.comparison is not None
    assert report.comparison.usual.verdict == "unknown"
