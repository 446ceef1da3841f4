"""What is taken of an answer about all models is what the question about one says."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as hs

from dashboards import asking, shared_answers
from dashboards.access import Viewer, acting_as
from dashboards.shared_answers import opened, shared
from llmtrace.clock import FixedClock
from llmtrace.store import Writer, metric_plan, metrics
from llmtrace.store.metric_definitions import MEASURES
from llmtrace.store.metrics import MetricQuery, run_metrics
from llmtrace.store.rollup_rows import CALLS
from tests.store.calls import NOON, call, failed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from llmtrace.otlp.rows import SpanRow
    from llmtrace.store.metric_time import Grain
    from llmtrace.store.reading import Store

DAY = timedelta(days=1)
ROLLED = sorted(
    name for name, each in MEASURES.items()
    if each.percentile or (each.rolled and CALLS.tells(each.rolled))
)  # fmt: skip
NAMES = ("provider", "model", "feature", "service", "environment", "status")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    draw = Random(7)
    path = tmp_path_factory.mktemp("shared") / "llmtrace.duckdb"
    with pytest.MonkeyPatch.context() as patch, Writer(path) as writer:
        patch.setattr(metric_plan, "FEW_CALLS", 0)  # of hourly sums, where they answer
        writer.insert([_some_call(draw) for _ in range(400)])
        yield writer


def _some_call(draw: Random) -> SpanRow:
    at = NOON - timedelta(seconds=draw.randrange(4 * 86_400))
    return (failed if draw.random() < 0.1 else call)(
        at,
        provider=draw.choice(["openai", "anthropic"]),
        request_model=draw.choice(["a", "b", None]),
        response_model=draw.choice(["b", "c", None]),
        feature=draw.choice(["chat", None]),
        environment=draw.choice(["prod", "dev"]),
        cost_usd=draw.choice([None, Decimal(draw.randrange(10**9)) / 10**12]),
        latency_ms=draw.choice([None, draw.randrange(1, 5_000)]),
        ttfc_ns=draw.choice([None, draw.randrange(1, 10**9)]),
        cache_status=draw.choice([None, "hit", "miss"]),
        retry_count=draw.choice([None, 0, 1]),
    )


@hs.composite
def questions(draw: hs.DrawFn) -> MetricQuery:
    dimension = draw(hs.sampled_from(["model", "provider", "feature", "environment"]))
    value = draw(hs.sampled_from(["a", "b", "openai", "chat", "prod", "nothing", None]))
    by = tuple(draw(hs.lists(hs.sampled_from(NAMES), max_size=2, unique=True)))
    pool = hs.sampled_from(ROLLED)
    measures = tuple(draw(hs.lists(pool, min_size=1, max_size=3, unique=True)))
    is_exact = any(MEASURES[name].percentile for name in measures)
    grains: list[Grain | None] = [None, "hour", "day", "month"]
    order_by = draw(hs.sampled_from([(), (f"-{measures[0]}",)])) if by else ()
    # What the chart of a model asks: of one value, the top is that value.
    is_top = by == (dimension,) and not is_exact and draw(hs.booleans())
    return MetricQuery(
        measures=measures,
        by=by,
        top=1 if is_top else None,
        grain=draw(hs.sampled_from(grains)),
        start=NOON - timedelta(seconds=draw(hs.integers(60, 4 * 86_400))),
        end=NOON,
        filters={
            dimension: (value,),
            **draw(hs.sampled_from([{}, {"status": ("error",)}, {"service": ("shop", "other")}])),
        },
        order_by=order_by,
        limit=draw(hs.none() | hs.integers(1, 3)),
    )


@given(query=questions())
def test_a_part_is_what_the_question_about_it_says(query: MetricQuery, store: Writer) -> None:
    part = shared(query)
    assert part is not None
    told = run_metrics(store, query).to_pylist()

    taken = part.rows(run_metrics(store, part.query).to_pylist())

    assert taken == told or (taken is None and len(told) == 1 and not query.by)


def test_what_is_not_cheaper_or_says_another_thing_is_asked_by_itself() -> None:
    def of(**changes: Any) -> MetricQuery:
        known: dict[str, Any] = {
            "measures": ("cost",), "start": NOON - DAY, "end": NOON, "filters": {"model": ("a",)},
        }  # fmt: skip
        return MetricQuery(**{**known, **changes})

    assert shared(of()) is not None
    assert shared(of(grain="hour")) is not None
    assert shared(of(grain="hour", start=NOON - 9 * DAY)) is None
    assert shared(of(grain="day", start=NOON - 60 * DAY)) is not None
    assert shared(of(measures=("latency_p95",))) is not None
    assert shared(of(measures=("latency_p95",), grain="hour")) is not None
    assert shared(of(by=("user",))) is None
    assert shared(of(by=("provider",), top=3)) is None
    assert shared(of(by=("model",), top=1, grain="hour")) is not None
    assert shared(of(by=("model",), top=1, measures=("latency_p95", "cost"))) is None
    assert shared(of(filters={"model": ("a", "b")})) is None
    assert shared(of(filters={"user": ("ann",)})) is None
    assert shared(of(filters={"model": ("a",), "user": ("ann",)})) is None
    assert shared(of(start=NOON - timedelta(minutes=30))) is not None  # a day that has just begun
    assert shared(of(start=NOON - timedelta(minutes=30), grain="minute")) is None


def test_one_model_is_opened_before_one_environment() -> None:
    assert opened({"environment": ("prod",), "model": ("a",)}) == "model"
    assert opened({"environment": ("prod",), "model": ("a", "b")}) == "environment"
    assert opened({"model": (), "user": ("ann",)}) is None


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[MetricQuery]]:
    """Return the questions that the pages ask a store of two models, which is large."""
    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        writer.insert([
            call(NOON - DAY, request_model=model, tenant=tenant, cost_usd=cost)
            for model, tenant, cost in (
                ("a", "acme", Decimal("0.10")), ("a", "globex", None), ("b", "acme", Decimal(2)),
            )
        ])  # fmt: skip
    found: list[MetricQuery] = []

    def run(store: Store, query: MetricQuery) -> pa.Table:
        found.append(query)
        return run_metrics(store, query)

    monkeypatch.setenv("LLMTRACE_HOME", str(tmp_path))
    monkeypatch.setattr(asking, "SystemClock", lambda: FixedClock(NOON))
    monkeypatch.setattr(asking, "_LARGE", 0)
    monkeypatch.setattr(asking, "run_metrics", run)
    st.cache_data.clear()
    yield found
    st.cache_data.clear()


def of_model(model: str) -> dict[str, Any]:
    return asking.one(MetricQuery(
        measures=("requests", "cost", "total_tokens"),
        start=NOON - 2 * DAY, end=NOON, filters={"model": (model,)},
    ))  # fmt: skip


def requests(model: str) -> int:
    return of_model(model)["requests"]


@pytest.mark.usefixtures("asked")
def test_money_and_tokens_by_hand() -> None:
    names = ("requests", "cost", "total_tokens", "unpriced_count")
    assert of_model("a") == dict(zip(names, (2, Decimal("0.10"), 240, 1), strict=True))
    assert of_model("b") == dict(zip(names, (1, Decimal(2), 120, 0), strict=True))
    assert of_model("nobody's") == dict(zip(names, (0, None, None, 0), strict=True))


def test_the_next_model_is_there_when_one_was_asked_for(asked: list[MetricQuery]) -> None:
    assert requests("a") == 2
    before = len(asked)

    assert requests("b") == 1
    assert requests("a") == 2

    assert len(asked) == before
    assert requests("nobody's") == 0  # asked for by itself: an answer has one row even then
    assert asked[-1].filters == {"model": ("nobody's",)}


def test_of_many_values_each_is_asked_for(
    asked: list[MetricQuery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "FEW", 1)

    assert (requests("a"), requests("b")) == (2, 1)

    assert [each.filters for each in asked[-2:]] == [{"model": ("a",)}, {"model": ("b",)}]


def test_where_the_answer_for_all_is_too_long_each_is_asked_for(
    asked: list[MetricQuery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MAX_GROUPS", 1)

    assert (requests("a"), requests("b")) == (2, 1)

    assert asked[-1].filters == {"model": ("b",)}


def test_percentiles_by_hour_of_many_calls_are_asked_for_by_themselves(
    asked: list[MetricQuery], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask_for(model: str) -> list[dict[str, Any]]:
        found = asking.ask(MetricQuery(
            measures=("latency_p95", "requests"), grain="hour",
            start=NOON - 2 * DAY, end=NOON, filters={"model": (model,)},
        ))  # fmt: skip
        return [row for row in found if row["requests"]]

    (few,) = ask_for("a")
    assert few["requests"] == 2
    assert asked[-1].by == ("model",)
    # One hour of one model may be exact where those of all together are not, and the other way.
    monkeypatch.setattr(shared_answers, "EXACT_CALLS", 2)
    st.cache_data.clear()

    assert ask_for("a") == [few]
    assert asked[-1].by == ()


@pytest.mark.usefixtures("asked")
def test_it_is_of_the_viewers_tenants_alone() -> None:
    assert (requests("a"), requests("b")) == (2, 1)

    with acting_as(Viewer(name="ann", tenants=frozenset({"acme"}))):
        assert (requests("a"), requests("b")) == (1, 1)
    with acting_as(Viewer(name="gil", tenants=frozenset({"globex"}))):
        assert (requests("a"), requests("b")) == (1, 0)
