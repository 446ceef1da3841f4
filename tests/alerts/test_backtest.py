"""A backtest of a range is what the engine would have done, tick by tick."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.alerts import backtest as module
from llmtrace.alerts.backtest import Firing, backtest, threshold_of
from llmtrace.alerts.evaluate import StoreEvaluator
from llmtrace.alerts.model import METRICS, Filter, Threshold
from llmtrace.alerts.step import RuleState, step
from llmtrace.store import DATABASE_FILE, Writer
from tests.alerts.building import MINUTE, START, a_budget_rule, a_call, a_failed_call, a_rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from llmtrace.alerts.model import AlertRule, Labels

END = START + 2 * timedelta(hours=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    """Hold three days of calls of two models and three users, with two bad stretches."""
    rows = [
        a_call(
            START + timedelta(seconds=number * 37 % 10_000), request_model=("a", "b")[number % 2],
            user_id=("ann", "bob", None)[number % 3], duration_ns=(number * 7 % 90) * 10**8,
            input_tokens=number if number % 5 else None, cache_status=("hit", "miss")[number % 2],
            cost_usd=None if number % 11 == 0 else Decimal("0.013"),
        )
        for number in range(400)
    ]  # fmt: skip
    for minute in (30, 31, 32, 33, 70, 71):
        rows += [a_failed_call(START + minute * MINUTE, request_model="a") for _ in range(6)]
    rows += [a_call(START - timedelta(hours=3 * each)) for each in range(1, 16)]
    with Writer(tmp_path_factory.mktemp("backtest") / DATABASE_FILE) as writer:
        writer.insert(rows)
        yield writer


def live(
    store: Writer, rule: AlertRule, ticks: list[datetime]
) -> tuple[dict[Labels, dict[datetime, Decimal | None]], list[tuple[str, datetime, Labels]]]:
    """Return values by labels and tick, and events, as the engine finds them."""
    evaluator, state = StoreEvaluator(store), RuleState()
    values: dict[Labels, dict[datetime, Decimal | None]] = {}
    events: list[tuple[str, datetime, Labels]] = []
    for tick in ticks:
        samples = evaluator.samples(rule, tick)
        for sample in samples:
            values.setdefault(sample.labels, {})[tick] = sample.value
        state, told = step(state, tick, samples, rule)
        events += [(each.kind, each.tick, each.instance.labels) for each in told]
    return values, events


def minutes_until(end: datetime, begin: datetime = START) -> list[datetime]:
    return [begin + each * MINUTE for each in range(int((end - begin) / MINUTE) + 1)]


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("by", [(), ("model", "user")], ids=["all", "by"])
def test_every_metric_has_the_values_of_live_evaluation(
    store: Writer, metric: str, by: tuple[str, ...]
) -> None:
    when = Threshold(metric=metric, window=5 * MINUTE, op=">", value=Decimal("0.5"))
    rule = a_rule(when=when, by=by, every=2 * MINUTE,
                  filter=(Filter(dimension="provider", values=("openai",)),))  # fmt: skip
    end = START + 12 * MINUTE

    found = backtest(store, rule, START, end)

    expected, _ = live(store, rule, minutes_until(end)[2::2])
    assert found.every == rule.every
    assert not found.is_partial
    assert {each.labels: dict(each.points) for each in found.series} == expected


def test_firings_are_those_of_live_evaluation(store: Writer) -> None:
    rule = a_rule(by=("model",), hold=2 * MINUTE, keep_firing_for=3 * MINUTE, min_requests=5)

    end = START + 80 * MINUTE

    found = backtest(store, rule, START, end)

    _, events = live(store, rule, minutes_until(end, START - 5 * MINUTE))
    assert [(kind, labels) for kind, _, labels in events if kind in ("firing", "resolved")] == [
        ("firing", (("model", "a"),)),
        ("resolved", (("model", "a"),)),
        ("firing", (("model", "a"),)),
        ("resolved", (("model", "a"),)),
    ]
    assert [moment for each in found.firings for moment in (each.start, each.end)] == [
        tick for kind, tick, _ in events if kind in ("firing", "resolved")
    ]


def test_what_fires_before_the_range_and_after_it_is_cut(store: Writer) -> None:
    rule = a_rule(by=("model",), hold=MINUTE, keep_firing_for=3 * MINUTE)
    start, end = START + 33 * MINUTE, START + 36 * MINUTE

    found = backtest(store, rule, start, end)

    assert found.firings == (Firing(labels=(("model", "a"),), start=start, end=None),)


@pytest.mark.parametrize("by", [(), ("user",)], ids=["all", "by"])
@pytest.mark.parametrize(
    ("length", "every"),
    [(timedelta(hours=1), MINUTE), (timedelta(days=2), timedelta(hours=1)),
     (timedelta(days=9), timedelta(days=1))],
)  # fmt: skip
def test_a_budget_runs_up_as_live_and_begins_anew_at_local_midnight(
    store: Writer, by: tuple[str, ...], length: timedelta, every: timedelta
) -> None:
    zone = {"timezone": "Europe/Berlin", "by": by}
    rule = a_budget_rule(amount="1.5", percent="50", budget=zone)
    start, end = END - length, END + timedelta(minutes=10)

    found = backtest(store, rule, start, end)

    ticks = sorted({tick for each in found.series for tick, _ in each.points})
    expected, events = live(store, rule, [start, *ticks] if ticks[0] > start else ticks)
    for values in expected.values():
        values.pop(start, None)
    assert found.every == every
    assert {each.labels: dict(each.points) for each in found.series} == expected
    assert ticks[-1] == end
    assert [each.start for each in found.firings] == [
        tick for kind, tick, _ in events if kind == "firing"
    ]
    assert found.firings


def test_too_much_is_looked_at_more_coarsely_and_said(
    store: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = backtest(store, a_rule(), START - timedelta(days=7), END)
    monkeypatch.setattr(module, "MAX_SERIES", 2)
    few = backtest(store, a_rule(by=("model", "user")), START, END)
    monkeypatch.setattr(module, "MAX_COUNTED", 400)
    heavy = backtest(store, a_rule(), START, END)

    assert (long.every, long.is_partial) == (7 * MINUTE, False)
    assert len(long.series[0].points) <= module.MAX_TICKS
    assert (len(few.series), few.is_partial) == (2, True)
    assert heavy.every == 5 * MINUTE


def test_an_empty_store_has_no_value_and_no_firing(tmp_path: Path) -> None:
    with Writer(tmp_path / DATABASE_FILE) as empty:
        plain = backtest(empty, a_rule(), START, START + 5 * MINUTE)
        grouped = backtest(empty, a_rule(by=("user",)), START, START + 5 * MINUTE)
        budget = backtest(empty, a_budget_rule(), START, START + timedelta(days=1))

    assert {value for _, value in plain.series[0].points} == {None}
    assert (grouped.series, plain.firings + budget.firings) == ((), ())


def test_the_threshold_is_in_the_rules_unit() -> None:
    rule = a_budget_rule(amount="150", percent="80")

    assert threshold_of(rule) == Decimal(120)
    assert threshold_of(replace(rule, when=a_rule().when)) == Decimal("0.05")
