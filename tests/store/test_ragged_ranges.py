"""A range that begins and ends within an hour, from the rollups: amounts added up by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.store.metric_plan import FROM_CALLS, choose
from llmtrace.store.metrics import MetricQuery, run_metrics
from tests.store.calls import NOON, call, failed, minutes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from llmtrace.otlp.rows import SpanRow
    from llmtrace.store import Writer

START, END = NOON - minutes(90), NOON + minutes(80)
"""10:30 to 13:20: whole hours are those of 11 and 12."""
JUST = timedelta(microseconds=1)


def priced(at: datetime, cost: str, model: str) -> SpanRow:
    return call(at, cost_usd=Decimal(cost), request_model=model)


def around() -> Sequence[SpanRow]:
    return [
        priced(START - JUST, "50", "a"),
        priced(END, "7", "b"),
        priced(NOON - minutes(121), "100", "a"),
    ]


@pytest.fixture(autouse=True)
def from_rollups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmtrace.store.metric_plan.FEW_CALLS", -1)


def asked(store: Writer, *measures: str, **changes: Any) -> list[dict[str, Any]]:
    query = MetricQuery(measures=measures, start=START, end=END, **changes)
    plan = choose(store, query)
    assert plan != FROM_CALLS
    assert plan.whole == (NOON - minutes(60), NOON + minutes(60))
    return run_metrics(store, query).to_pylist()


def test_each_part_of_the_range_counts_once(store: Writer) -> None:
    store.insert([
        *around(),
        priced(START, "0.1", "a"),
        call(NOON - minutes(75), cost_usd=None, cost_source=None, request_model="b"),
        failed(NOON - minutes(61), request_model="b"),
        priced(NOON - minutes(60), "0.2", "b"),
        priced(NOON + minutes(60) - JUST, "0.03", "b"),
        priced(NOON + minutes(60), "0.004", "b"),
        priced(END - JUST, "0.0005", "a"),
    ])  # fmt: skip

    # 0.1 + 0.2 + 0.03 + 0.004 + 0.0005; six calls of 120 tokens, one that was refused.
    assert asked(store, "cost", "requests", "total_tokens", "error_rate") == [
        {"cost": Decimal("0.3345"), "requests": 7, "total_tokens": 720, "error_rate": 1 / 7,
         "unpriced_count": 1}
    ]  # fmt: skip
    assert asked(store, "cost", "requests", by=("model",), order_by=("model",)) == [
        {"model": "a", "cost": Decimal("0.1005"), "requests": 2, "unpriced_count": 0},
        {"model": "b", "cost": Decimal("0.234"), "requests": 5, "unpriced_count": 1},
    ]
    assert asked(store, "cost", filters={"model": ["a"]}) == [
        {"cost": Decimal("0.1005"), "unpriced_count": 0}
    ]
    assert [
        (row["time"].hour, row["cost"], row["unpriced_count"])
        for row in asked(store, "cost", grain="hour")
    ] == [
        (10, Decimal("0.1"), 1),
        (11, Decimal("0.2"), 0),
        (12, Decimal("0.03"), 0),
        (13, Decimal("0.0045"), 0),
    ]


@pytest.mark.parametrize("at", [START, NOON, END - JUST])
def test_one_part_has_the_only_call(store: Writer, at: datetime) -> None:
    store.insert([*around(), priced(at, "0.25", "a")])

    assert asked(store, "cost", "requests") == [
        {"cost": Decimal("0.25"), "requests": 1, "unpriced_count": 0}
    ]


@pytest.mark.parametrize("at", [START, NOON, END - JUST])
def test_a_cost_of_which_nothing_is_known_is_none_not_zero(store: Writer, at: datetime) -> None:
    store.insert([*around(), call(at, cost_usd=None, cost_source=None)])

    assert asked(store, "cost", "requests") == [{"cost": None, "requests": 1, "unpriced_count": 1}]


def test_without_a_call_there_is_one_row_and_without_a_group_none(store: Writer) -> None:
    store.insert(around())

    assert asked(store, "cost", "requests") == [{"cost": None, "requests": 0, "unpriced_count": 0}]
    assert asked(store, "cost", by=("model",)) == []
