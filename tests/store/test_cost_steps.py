"""Costs of single calls are counted by steps of 1, 2 and 5, each in the step that it is in."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import QueryError
from llmtrace.store.cost_steps import cost_distribution
from llmtrace.store.metrics import MetricQuery
from tests.store.calls import NOON, call, minutes

if TYPE_CHECKING:
    from llmtrace.store import Writer

HALF_A_DAY = timedelta(hours=12)
DAY = MetricQuery(measures=("requests",), start=NOON - HALF_A_DAY, end=NOON + HALF_A_DAY)


def test_costs_of_calls_are_counted_by_steps_that_an_edge_begins(store: Writer) -> None:
    costs = ("0", "0.001", "0.0019999", "0.002", "0.005", "12", "0.000000000001")
    store.insert([*(call(cost_usd=Decimal(cost)) for cost in costs), call(cost_usd=None)])

    rows = cost_distribution(store, DAY).to_pylist()

    assert [(row["from_usd"], row["calls"], row["cost_usd"]) for row in rows] == [
        (Decimal(0), 1, Decimal(0)),
        (Decimal("0.000000000001"), 1, Decimal("0.000000000001")),
        (Decimal("0.001"), 2, Decimal("0.0029999")),
        (Decimal("0.002"), 1, Decimal("0.002")),
        (Decimal("0.005"), 1, Decimal("0.005")),
        (Decimal(10), 1, Decimal(12)),
    ]


def test_no_amount_is_counted_in_the_step_beside_its_own(store: Writer) -> None:
    least = Decimal("0.000000000001")
    edges = [Decimal(digit).scaleb(places) for places in range(-12, 6) for digit in (1, 2, 5)]
    amounts = [edge + step for edge in edges for step in (-least, 0 * least, least)]
    store.insert([call(cost_usd=amount) for amount in amounts])

    found = {row["from_usd"]: row["calls"] for row in cost_distribution(store, DAY).to_pylist()}

    steps = [max((edge for edge in edges if edge <= amount), default=0) for amount in amounts]
    assert found == dict(Counter(steps))


def test_only_calls_of_the_range_and_the_filters_are_counted(store: Writer) -> None:
    store.insert([
        call(DAY.start - minutes(1)), call(DAY.start), call(DAY.end),
        call(request_model="small", response_model=None), call(response_model="small"),
        call(request_model="small", response_model="large"),
    ])  # fmt: skip

    def counted(**filters: tuple[str | None, ...]) -> int:
        query = replace(DAY, filters=filters, by=("model",), grain="hour")
        return sum(cost_distribution(store, query).column("calls").to_pylist())

    assert counted() == 4
    assert counted(model=("small",)) == 2
    assert counted(model=("small", None)) == 2
    assert counted(provider=("nobody",)) == 0


def test_what_is_no_dimension_and_no_range_is_told(store: Writer) -> None:
    with pytest.raises(QueryError, match="modell"):
        cost_distribution(store, replace(DAY, filters={"modell": ("small",)}))
    with pytest.raises(QueryError, match="start"):
        cost_distribution(store, replace(DAY, end=DAY.start))
