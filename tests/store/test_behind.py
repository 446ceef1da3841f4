"""The calls behind a number are those that the metric layer counted, no more and no fewer."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.errors import QueryError
from llmtrace.store import Writer
from llmtrace.store.behind import MAX_CALLS, calls_behind
from llmtrace.store.metrics import MetricQuery, run_metrics
from tests.store.calls import NOON, call, failed, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = NOON - timedelta(hours=1)
END = NOON + timedelta(hours=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    draw = Random(7)
    rows = [
        draw.choice([call, failed])(
            NOON + minutes(draw.randrange(-90, 90)),
            request_model=draw.choice(["a", "b"]),
            latency_ms=draw.choice([None, draw.randrange(1, 5_000)]),
            ttfc_ns=draw.choice([None, draw.randrange(1, 10**9)]),
            retry_count=draw.choice([None, 0, 1]),
            finish_reasons=draw.choice([None, ["stop"], ["length", "stop"]]),
            error_type=draw.choice([None, "Timeout", "RateLimitError"]),
            http_status=None,
            tags=draw.choice([{}, {"team": "core"}]),
            cost_usd=draw.choice([None, Decimal(draw.randrange(1, 99)) / 100]),
            rate_limit_limit_requests=100,
            rate_limit_remaining_requests=draw.choice([None, draw.randrange(100)]),
        )
        for _ in range(120)
    ]
    with Writer(tmp_path_factory.mktemp("behind") / "llmtrace.duckdb") as writer:
        writer.insert(rows)
        yield writer


def question(*measures: str, **filters: Any) -> MetricQuery:
    return MetricQuery(measures=measures, start=START, end=END, filters=filters)


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"model": ["a"]},
        {"status": ["error"], "error_type": ["Timeout"]},
        {"status": ["error"], "error_type": [None]},
        {"finish_reason": ["length"]},
        {"retried": ["yes"]},
        {"tag.team": ["core"]},
    ],
)
def test_there_are_as_many_as_were_counted(store: Writer, filters: dict[str, Any]) -> None:
    query = question("requests", **filters)
    (counted,) = run_metrics(store, query).to_pylist()

    found = calls_behind(store, query, limit=MAX_CALLS)

    assert found.num_rows == counted["requests"] > 0


def test_the_costliest_comes_first_and_what_has_no_price_is_not_among_them(store: Writer) -> None:
    costs = calls_behind(store, question("requests"), "costliest", limit=MAX_CALLS)["cost_usd"]

    assert costs.null_count == 0 < len(costs)
    assert costs.to_pylist() == sorted(costs.to_pylist(), reverse=True)


def test_the_slowest_is_the_maximum_and_unknown_is_not_among_them(store: Writer) -> None:
    latencies = calls_behind(store, question("requests"), "slowest", limit=MAX_CALLS)
    chunks = calls_behind(store, question("requests"), "slowest_first_chunk", limit=MAX_CALLS)

    for found, column in ((latencies, "latency_ms"), (chunks, "ttfc_ms")):
        values = found.column(column).to_pylist()
        assert values == sorted(values, reverse=True)
        assert None not in values


def test_rate_limited_calls_and_headroom_are_those_of_the_measures(store: Writer) -> None:
    query = question("rate_limit_hits", "rate_limit_headroom")
    (counted,) = run_metrics(store, query).to_pylist()

    limited = calls_behind(store, query, "rate_limited", limit=MAX_CALLS)
    (least,) = calls_behind(store, query, "least_headroom", limit=1).to_pylist()

    assert limited.num_rows == counted["rate_limit_hits"] > 0
    assert least["headroom"] == counted["rate_limit_headroom"]


@pytest.mark.parametrize(
    "which", ["costliest", "slowest", "slowest_first_chunk", "least_headroom", "latest"]
)
@pytest.mark.parametrize("filters", [{}, {"model": ["a", "nobody's"]}, {"user": ["nobody"]}])
def test_few_are_the_first_of_all(store: Writer, which: Any, filters: dict[str, Any]) -> None:
    every = calls_behind(store, question("requests", **filters), which, limit=MAX_CALLS)

    for limit in (1, 3, 7):
        few = calls_behind(store, question("requests", **filters), which, limit=limit)
        assert few.to_pylist() == every.slice(0, limit).to_pylist()


def test_calls_of_one_price_and_one_moment_have_an_order(tmp_path: Path) -> None:
    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        writer.insert([call(NOON, span_id=number) for number in (3, 1, 2)])
        writer.insert([call(NOON - minutes(1), span_id=4)])

        found = calls_behind(writer, question("requests"), "costliest", limit=2)

    assert [int(each, 16) for each in found.column("span_id").to_pylist()] == [1, 2]


def test_groups_of_the_question_do_not_matter(store: Writer) -> None:
    query = MetricQuery(
        measures=("cost",), start=START, end=END, by=("tag.team",), grain="hour", top=1
    )

    assert calls_behind(store, query, limit=3).num_rows == 3


def test_a_wrong_question_is_refused(store: Writer) -> None:
    with pytest.raises(QueryError, match="did you mean 'model'"):
        calls_behind(store, question("cost", modle=["a"]))
    with pytest.raises(QueryError, match="limit is 201"):
        calls_behind(store, question("cost"), limit=MAX_CALLS + 1)
