"""A rule's question to the metric layer, and its answer as samples."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.alerts.evaluate import MAX_SERIES, StoreEvaluator
from llmtrace.alerts.model import Filter, Threshold
from llmtrace.store import DATABASE_FILE, Writer
from tests.alerts.building import MINUTE, START, a_budget_rule, a_call, a_failed_call, a_rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEFORE = START - timedelta(seconds=1)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with Writer(tmp_path / DATABASE_FILE) as opened:
        yield opened


def test_a_window_has_its_first_moment_and_not_its_last(writer: Writer) -> None:
    moments = [START - 5 * MINUTE - timedelta(microseconds=1), START - 5 * MINUTE, BEFORE, START]
    writer.insert([a_call(moment) for moment in moments])

    (sample,) = StoreEvaluator(writer).samples(a_rule(), START)

    assert sample.requests == 2


def test_without_calls_there_is_one_sample_without_a_value(writer: Writer) -> None:
    (sample,) = StoreEvaluator(writer).samples(a_rule(), START)

    assert (sample.value, sample.requests, sample.labels) == (None, 0, ())


def test_a_share_that_equals_the_threshold_is_not_above_it(writer: Writer) -> None:
    writer.insert([a_failed_call(BEFORE), *(a_call(BEFORE) for _ in range(19))])

    (sample,) = StoreEvaluator(writer).samples(a_rule(), START)

    assert sample.value == sample.threshold == Decimal("0.05")


def test_latency_comes_in_seconds(writer: Writer) -> None:
    writer.insert([a_call(BEFORE, duration_ns=2_500_000_000)])
    when = Threshold(metric="latency_p95", window=MINUTE, op=">", value=Decimal(1))

    (sample,) = StoreEvaluator(writer).samples(a_rule(when=when), START)

    assert sample.value == Decimal("2.5")


def test_a_filter_keeps_the_calls_that_have_one_of_its_values(writer: Writer) -> None:
    writer.insert([a_call(BEFORE, feature=name) for name in ("chat", "search", "batch", None)])
    rule = a_rule(filter=(Filter(dimension="feature", values=("chat", "search")),))

    (sample,) = StoreEvaluator(writer).samples(rule, START)

    assert sample.requests == 2


def test_a_call_without_the_attribute_has_no_label_and_cannot_be_mistaken_for_one(
    writer: Writer,
) -> None:
    writer.insert([a_call(BEFORE), a_call(BEFORE, user_id="(none)"), a_call(BEFORE, user_id="")])

    samples = StoreEvaluator(writer).samples(a_rule(by=("user",)), START)

    assert {sample.labels for sample in samples} == {
        (),
        (("user", ""),),
        (("user", "(none)"),),
    }


def test_of_too_many_series_the_worst_count(writer: Writer) -> None:
    writer.insert([a_call(BEFORE, user_id=f"good{n}") for n in range(MAX_SERIES)])
    writer.insert([a_failed_call(BEFORE, user_id="bad")])

    samples = StoreEvaluator(writer).samples(a_rule(by=("user",)), START)

    assert len(samples) == MAX_SERIES
    assert samples[0].labels == (("user", "bad"),)


def test_details_are_about_the_calls_of_the_sample_alone(writer: Writer) -> None:
    writer.insert([a_failed_call(BEFORE), a_call(BEFORE)])
    writer.insert([a_failed_call(BEFORE, user_id="ada", error_type="timeout")])
    rule, evaluator = a_rule(by=("user",)), StoreEvaluator(writer)

    details = {
        sample.labels: evaluator.details(rule, START, sample)
        for sample in evaluator.samples(rule, START)
    }

    assert details == {
        (): (("errors", "1 of 2"), ("top error", "rate_limit (1)")),
        (("user", "ada"),): (("errors", "1 of 1"), ("top error", "timeout (1)")),
    }


def test_a_budget_sums_its_period_exactly_and_names_the_dearest_model(writer: Writer) -> None:
    writer.insert([a_call(BEFORE, cost_usd=Decimal("0.1")) for _ in range(3)])
    writer.insert([a_call(BEFORE, cost_usd=Decimal("0.05"), request_model="cheap")])
    rule, evaluator = a_budget_rule(), StoreEvaluator(writer)

    (sample,) = evaluator.samples(rule, START)

    assert (sample.value, sample.period) == (Decimal("0.35"), "2026-03-02")
    assert evaluator.details(rule, START, sample) == (("most spent on", "m ($0.3000)"),)
