"""Rollups or calls: the same numbers, and the rollups wherever they can answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace.store import Writer, metric_plan
from llmtrace.store.metric_definitions import DIMENSIONS, MEASURES
from llmtrace.store.metric_plan import FROM_CALLS, Plan, choose, rolled_hours
from llmtrace.store.metric_rows import aliases
from llmtrace.store.metrics import (
    PERCENTILE_ERROR_KEY,
    MetricQuery,
    compile_metrics,
    run_metrics,
)
from llmtrace.store.rollup_rows import CALLS, LATENCIES, PERCENTILE_ERROR
from tests.store.calls import NOON, call, failed, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from llmtrace.otlp.rows import SpanRow

HOUR = timedelta(hours=1)
SUMS = sorted(name for name, each in MEASURES.items() if each.rolled and CALLS.tells(each.rolled))
PERCENTILES = sorted(name for name, measure in MEASURES.items() if measure.percentile)
ROLLED = sorted(name for name, column in DIMENSIONS.items() if column in CALLS.dimensions)
TIMED = sorted(name for name, column in DIMENSIONS.items() if column in LATENCIES.dimensions)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland")
"""Within five days of NOON no clock changes; the last Sunday of October is 24 days before."""


def some_call(draw: Random) -> SpanRow:
    known = draw.random() < 0.8
    columns: dict[str, Any] = {
        "provider": draw.choice(["openai", "anthropic", None]),
        "request_model": draw.choice(["a", "b", None]),
        "response_model": draw.choice(["b", None]),
        "feature": draw.choice(["chat", "search", None]),
        "environment": draw.choice(["prod", "dev"]),
        "input_tokens": draw.randrange(10**6) if known else None,
        "output_tokens": draw.randrange(10**4) if draw.random() < 0.7 else None,
        "cache_read_tokens": draw.choice([None, 0, 10]),
        "cost_usd": Decimal(draw.randrange(10**13)) / 10**12 if known else None,
        "cache_savings_usd": draw.choice([None, Decimal("-0.01"), Decimal("0.000000000001")]),
        "cache_status": draw.choice(["hit", "miss", "bypass", None]),
        "retry_count": draw.choice([None, 0, 2]),
        "ttfc_ns": draw.choice([None, 0, draw.randrange(10**9)]),
        "latency_ms": draw.choice([None, 0, draw.lognormvariate(6, 2)]),
    }
    if draw.random() < 0.2:
        columns |= {
            "error_type": draw.choice(["RateLimitError", "rate_limit_error", "Timeout", None]),
            "http_status": draw.choice([429, 401, 504, None]),
        }
        if draw.random() < 0.5:
            del columns["input_tokens"]
        return failed(moment(draw), **columns)
    return call(moment(draw), **columns)


def moment(draw: Random) -> datetime:
    whole = NOON - timedelta(hours=draw.randrange(96))
    return whole + timedelta(microseconds=draw.choice([0, 1, draw.randrange(3_600_000_000)]))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    draw = Random(4)
    with Writer(tmp_path_factory.mktemp("plan") / "llmtrace.duckdb") as writer:
        for _ in range(3):  # so that rows of the same hour are apart
            writer.insert([some_call(draw) for _ in range(300)])
        yield writer


def names(pool: list[str], most: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(pool), min_size=1, max_size=most, unique=True).map(tuple)


@st.composite
def questions(
    draw: st.DrawFn, measures: list[str] = SUMS, dimensions: list[str] = ROLLED
) -> MetricQuery:
    """Return a question whose range has a whole hour at least."""
    ends = st.integers(-100 * 3600, 3 * 3600).map(lambda seconds: NOON + timedelta(seconds=seconds))
    aligned = ends.map(lambda end: end.replace(minute=0, second=0))
    start, end = sorted((draw(aligned | ends), draw(aligned | ends)))
    end = max(end, start + 2 * HOUR)
    chosen: dict[str, Any] = {
        "measures": draw(names(measures, 4)),
        "start": start,
        "end": end,
        "grain": draw(st.sampled_from([None, "hour", "day", "week", "month"])),
        "timezone": draw(st.sampled_from(ZONES)),
        "by": draw(st.just(()) | names(dimensions, 2)),
    }
    for name in draw(st.just(()) | names(dimensions, 2)):
        values = ["openai", "a", "b", "chat", "acme", "prod", "error", "RateLimitError", None]
        chosen.setdefault("filters", {})[name] = draw(st.lists(st.sampled_from(values), max_size=4))
    if len(chosen["by"]) == 1 and draw(st.booleans()):
        chosen["top"] = draw(st.integers(1, 3))
    return MetricQuery(**chosen)


def answered(store: Writer, query: MetricQuery, plan: Plan) -> list[dict[str, Any]]:
    sql, parameters = compile_metrics(query, plan)
    return store.sql(sql, parameters).to_pylist()


@settings(max_examples=30, deadline=None)
@given(query=questions())
def test_sums_are_the_same_from_rollups_and_from_calls(query: MetricQuery, store: Writer) -> None:
    hours = rolled_hours(query)
    assert hours is not None

    plan = Plan(whole=hours)
    rolled, told = (answered(store, query, each) for each in (plan, FROM_CALLS))

    for row in [*rolled, *told]:  # the one measure that adds up floats; all others are equal
        if row.get("tokens_per_second") is not None:
            row["tokens_per_second"] = pytest.approx(row["tokens_per_second"], rel=1e-12)
    assert rolled == told


@settings(max_examples=20, deadline=None)
@given(query=questions([*PERCENTILES, "requests"], TIMED), histogram=st.booleans())
def test_percentiles_are_the_same_or_within_the_documented_error(
    query: MetricQuery, histogram: bool, store: Writer
) -> None:
    if query.measures[0] in PERCENTILES:
        query = replace(query, top=None)
    hours = rolled_hours(query)
    assert hours is not None

    rolled = answered(store, query, Plan(whole=hours, from_histogram=histogram))

    told = answered(store, query, FROM_CALLS)
    error = PERCENTILE_ERROR * 1.000001 if histogram else 0
    for row in told:
        for name in query.measures:
            if name in PERCENTILES and row[name] is not None:
                row[name] = pytest.approx(row[name], rel=error, abs=0)
    assert rolled == told


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few calls be many."""
    monkeypatch.setattr(metric_plan, "FEW_CALLS", 5)
    monkeypatch.setattr(metric_plan, "EXACT_CALLS", 10)
    monkeypatch.setattr(metric_plan, "EXACT_BY_HOUR", 1_000)


def query_of(*measures: str, **changes: Any) -> MetricQuery:
    chosen: dict[str, Any] = {"measures": measures, "start": NOON - 30 * HOUR, "end": NOON}
    return MetricQuery(**{**chosen, **changes})


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    "changes",
    [
        {"by": ("user",)},
        {"by": ("finish_reason",)},
        {"filters": {"retried": ["yes"]}},
        {"measures": ("cost", "rate_limit_headroom")},
        {"by": ("session",)},
        {"by": ("tenant",)},
        {"by": ("tag.team",)},
        {"filters": {"user": ["ann"]}},
        {"grain": "minute"},
        {"grain": "hour", "timezone": "Asia/Kolkata"},
        {"grain": "day", "timezone": "Australia/Lord_Howe"},
        {"grain": "day", "start": datetime(1890, 1, 1, tzinfo=UTC), "timezone": "Europe/Berlin"},
        {"start": NOON - minutes(70), "end": NOON - minutes(10), "grain": None},
        {"end": datetime.max.replace(tzinfo=UTC)},
    ],
)
def test_what_the_rollups_do_not_know_comes_from_the_calls(
    changes: dict[str, Any], store: Writer
) -> None:
    assert choose(store, query_of("requests", **changes)) == FROM_CALLS


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"filters": {"user": []}},
        {"timezone": "Asia/Kolkata"},  # which hours are in does not depend on it
        {"grain": "hour", "timezone": "America/New_York", "by": ("error_type",)},
    ],
)
def test_the_rollups_answer_wherever_they_can(changes: dict[str, Any], store: Writer) -> None:
    assert choose(store, query_of("requests", **changes)).whole == (NOON - 30 * HOUR, NOON)


@pytest.mark.parametrize("zone", [UTC, None])
def test_the_hours_are_those_wholly_within_the_range(zone: tzinfo | None) -> None:
    start, end = NOON - minutes(200), NOON + minutes(59.9)

    query = query_of("cost", start=start.astimezone(zone), end=end.astimezone(zone))

    assert rolled_hours(query) == (NOON - 3 * HOUR, NOON)


def test_few_calls_are_counted_themselves(store: Writer) -> None:
    assert choose(store, query_of("requests")) == FROM_CALLS


def test_percentiles_of_some_calls_are_exact_and_of_more_near(
    store: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = query_of("latency_p95", "requests", by=("model",))
    monkeypatch.setattr(metric_plan, "FEW_CALLS", 5)
    exact = run_metrics(store, query)

    monkeypatch.setattr(metric_plan, "EXACT_CALLS", 10)
    near = run_metrics(store, query)

    assert exact.to_pylist() == answered_by_name(store, query)
    assert PERCENTILE_ERROR_KEY not in (exact.schema.metadata or {})
    assert (near.schema.metadata or {})[PERCENTILE_ERROR_KEY] == b"0.0219"
    assert near.column("requests") == exact.column("requests")


@pytest.mark.usefixtures("many")
def test_percentiles_of_each_hour_and_model_are_exact_where_those_of_the_range_are_not(
    store: Writer,
) -> None:
    by_hour = query_of("latency_p95", by=("model",), grain="hour")

    assert choose(store, by_hour) == FROM_CALLS
    assert choose(store, replace(by_hour, grain="day")).from_histogram
    assert choose(store, replace(by_hour, by=())).from_histogram


def answered_by_name(store: Writer, query: MetricQuery) -> list[dict[str, Any]]:
    renamed = dict(zip(aliases(query), query.by, strict=True))
    rows = answered(store, query, FROM_CALLS)
    return [{renamed.get(name, name): value for name, value in row.items()} for row in rows]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("changes", [{"by": ("feature",)}, {"by": ("model",), "top": 1}])
def test_percentiles_that_the_histogram_cannot_give_come_from_the_calls(
    changes: dict[str, Any], store: Writer
) -> None:
    assert choose(store, query_of("latency_p95", "cost", **changes)) == FROM_CALLS
