"""The alert machine: tables of single behaviours, then laws that hold for every history."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.alerts.model import Threshold
from llmtrace.alerts.persist import progress, rule_state
from llmtrace.alerts.step import Event, RuleState, alert_key, step
from tests.alerts.building import MINUTE, START, a_budget_rule, a_rule, a_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmtrace.alerts.model import AlertRule
    from llmtrace.alerts.step import Sample

BAD, GOOD = a_sample("0.5"), a_sample("0.01")


def run(rule: AlertRule, history: Sequence[Sequence[Sample]]) -> tuple[RuleState, list[Event]]:
    """Step through one list of samples a minute."""
    state, told = RuleState(), []
    for index, samples in enumerate(history):
        state, events = step(state, START + index * MINUTE, samples, rule)
        told += events
    return state, told


def kinds(events: Sequence[Event]) -> list[str]:
    return [f"{int((event.tick - START) / MINUTE)} {event.kind}" for event in events]


def test_without_for_an_alert_fires_at_the_first_bad_tick() -> None:
    _, events = run(a_rule(), [[GOOD], [BAD]])

    assert kinds(events) == ["1 firing"]


def test_with_for_an_alert_is_pending_until_the_condition_has_held_that_long() -> None:
    _, events = run(a_rule(hold=2 * MINUTE), [[BAD], [BAD], [BAD], [BAD]])

    assert kinds(events) == ["0 pending", "2 firing"]


def test_one_good_tick_clears_a_pending_alert_and_time_starts_over() -> None:
    _, events = run(a_rule(hold=2 * MINUTE), [[BAD], [BAD], [GOOD], [BAD], [BAD], [BAD]])

    assert kinds(events) == ["0 pending", "2 cleared", "3 pending", "5 firing"]


def test_a_firing_alert_is_resolved_after_it_was_calm_for_keep_firing_for() -> None:
    rule = a_rule(keep_firing_for=2 * MINUTE)

    _, events = run(rule, [[BAD], [GOOD], [GOOD], [GOOD], [GOOD]])

    assert kinds(events) == ["0 firing", "3 resolved"]


def test_a_bad_tick_while_recovering_starts_the_calm_over() -> None:
    rule = a_rule(keep_firing_for=2 * MINUTE)

    _, events = run(rule, [[BAD], [GOOD], [GOOD], [BAD], [GOOD], [GOOD], [GOOD]])

    assert kinds(events) == ["0 firing", "6 resolved"]


@pytest.mark.parametrize(
    ("op", "value", "resolve_at", "between", "beyond"),
    [(">", "0.05", "0.03", "0.04", "0.03"), ("<", "0.30", "0.33", "0.31", "0.33")],
)
def test_a_firing_alert_goes_on_until_its_value_is_back_at_resolve_at(
    op: str, value: str, resolve_at: str, between: str, beyond: str
) -> None:
    when = Threshold(
        metric="error_rate", window=MINUTE, op=op, value=Decimal(value),  # pyright: ignore[reportArgumentType]  # parametrized literal
        resolve_at=Decimal(resolve_at),
    )  # fmt: skip
    limit = Decimal(value)
    bad = a_sample("0.5" if op == ">" else "0.1", threshold=limit)
    calmer, calm = a_sample(between, threshold=limit), a_sample(beyond, threshold=limit)

    _, events = run(a_rule(when=when), [[bad], [calmer], [calm]])

    assert kinds(events) == ["0 firing", "2 resolved"]


@pytest.mark.parametrize("value", ["0.05", "0.0499"])
def test_a_value_at_or_below_the_threshold_is_not_above_it(value: str) -> None:
    _, events = run(a_rule(), [[a_sample(value)]])

    assert events == []


def test_few_requests_are_no_data() -> None:
    rule = a_rule(min_requests=20)

    _, events = run(rule, [[a_sample("1", requests=19)], [a_sample("1", requests=20)]])

    assert kinds(events) == ["1 firing"]


@pytest.mark.parametrize(
    ("no_data", "expected"),
    [
        ("ok", ["0 firing", "1 resolved"]),
        ("keep", ["0 firing", "3 resolved"]),
        ("alert", ["0 firing", "3 resolved"]),
        ("zero", ["0 firing", "1 resolved"]),
    ],
)
def test_no_data_means_what_the_rule_says(no_data: str, expected: list[str]) -> None:
    history = [[BAD], [a_sample(None, requests=0)], [], [GOOD]]

    _, events = run(a_rule(no_data=no_data), history)

    assert kinds(events) == expected


def test_no_data_as_zero_can_fire_a_rule_about_silence() -> None:
    when = Threshold(metric="request_count", window=MINUTE, op="<", value=Decimal(1))
    silence = a_sample(None, requests=0, threshold=Decimal(1))

    _, events = run(a_rule(when=when, no_data="zero"), [[silence]])

    assert kinds(events) == ["0 firing"]


def test_each_set_of_labels_is_an_alert_of_its_own() -> None:
    rule = a_rule(by=("model",))
    a, b = (("model", "a"),), (("model", "b"),)

    _, events = run(rule, [[a_sample("1", a), a_sample("0", b)], [a_sample("1", b)]])

    assert [(event.kind, event.instance.labels) for event in events] == [
        ("firing", a),
        ("firing", b),
        ("resolved", a),
    ]


def test_two_samples_of_the_same_labels_are_an_error() -> None:
    with pytest.raises(ValueError, match="two samples have the labels"):
        step(RuleState(), START, [BAD, GOOD], a_rule())


def test_a_resolved_event_tells_the_last_value_seen() -> None:
    _, events = run(a_rule(), [[BAD], [a_sample(None, requests=0)]])

    assert events[-1].instance.value == Decimal("0.5")


def test_a_new_firing_is_a_new_episode_of_the_same_alert() -> None:
    _, events = run(a_rule(), [[BAD], [GOOD], [BAD]])

    first, _, second = events
    assert first.instance.key == second.instance.key
    assert first.instance.episode != second.instance.episode


def spend(value: str, period: str = "2026-03-02", threshold: str = "10") -> Sample:
    return a_sample(value, threshold=Decimal(threshold), period=period)


def test_a_budget_fires_once_in_its_period_even_if_spend_is_corrected_below_it() -> None:
    history = [[spend("9")], [spend("11")], [spend("9")], [spend("12")], [spend("13")]]

    _, events = run(a_budget_rule(), history)

    assert kinds(events) == ["1 firing"]


def test_a_budget_is_armed_again_by_the_next_period() -> None:
    history = [[spend("11")], [spend("1", "2026-03-03")], [spend("11", "2026-03-03")]]

    _, events = run(a_budget_rule(), history)

    assert [(event.kind, event.reason) for event in events] == [
        ("firing", "condition"),
        ("resolved", "period_over"),
        ("firing", "condition"),
    ]


def test_a_budget_raised_above_the_spend_resolves_its_alert() -> None:
    history = [[spend("11")], [spend("11", threshold="20")], [spend("21", threshold="20")]]

    _, events = run(a_budget_rule(), history)

    assert kinds(events) == ["0 firing", "1 resolved", "2 firing"]


def test_an_alerts_key_does_not_depend_on_the_order_of_its_labels() -> None:
    one = alert_key("r", (("a", "1"), ("b", "2")))

    assert one == alert_key("r", (("b", "2"), ("a", "1")))
    assert one != alert_key("r", (("a", "2"), ("b", "1")))


SAMPLES = st.lists(
    st.builds(
        a_sample,
        st.sampled_from([None, "0", "0.04", "0.05", "0.06", "1"]),
        st.sampled_from([(("model", "a"),), (("model", "b"),)]),
        requests=st.sampled_from([0, 5, 100]),
    ),
    max_size=2,
    unique_by=lambda sample: sample.labels,
)
HISTORIES = st.lists(SAMPLES, max_size=30)
RULES = st.builds(
    a_rule,
    by=st.just(("model",)),
    hold=st.sampled_from([timedelta(0), MINUTE, 3 * MINUTE]),
    keep_firing_for=st.sampled_from([timedelta(0), MINUTE, 3 * MINUTE]),
    min_requests=st.sampled_from([0, 10]),
    no_data=st.sampled_from(["ok", "keep", "zero"]),
)


@given(RULES, HISTORIES)
def test_nothing_fires_without_having_been_pending_for_as_long_as_for_says(
    rule: AlertRule, history: list[list[Sample]]
) -> None:
    _, events = run(rule, history)

    pending = {e.instance.key: e.tick for e in events if e.kind == "pending"}
    if rule.hold:
        for event in events:
            if event.kind == "firing":
                assert event.instance.key in pending
                assert event.tick - event.instance.since >= rule.hold


@given(RULES, HISTORIES)
def test_each_firing_is_followed_by_at_most_one_resolved(
    rule: AlertRule, history: list[list[Sample]]
) -> None:
    _, events = run(rule, history)

    by_episode: dict[str, list[str]] = {}
    for event in events:
        if event.instance.episode:
            by_episode.setdefault(event.instance.episode, []).append(event.kind)
    assert all(told in (["firing"], ["firing", "resolved"]) for told in by_episode.values())


@given(RULES, HISTORIES)
def test_the_same_tick_twice_changes_nothing(rule: AlertRule, history: list[list[Sample]]) -> None:
    state = RuleState()
    for index, samples in enumerate(history):
        state, _ = step(state, START + index * MINUTE, samples, rule)
        again, events = step(state, START + index * MINUTE, samples, rule)

        assert (again, events) == (state, ())


@given(RULES, HISTORIES)
def test_a_restart_after_any_tick_changes_nothing(
    rule: AlertRule, history: list[list[Sample]]
) -> None:
    state, told = RuleState(), []
    for index, samples in enumerate(history):
        state, events = step(state, START + index * MINUTE, samples, rule)
        told += events
        state = rule_state(progress(rule, state))

    assert (state, told) == run(rule, history)


@given(HISTORIES)
def test_a_higher_threshold_never_fires_where_a_lower_one_does_not(
    history: list[list[Sample]],
) -> None:
    rule = a_rule(by=("model",))
    higher = [
        [a_sample(None if s.value is None else str(s.value), s.labels, threshold=Decimal("0.5"))
         for s in samples]
        for samples in history
    ]  # fmt: skip
    lower_state, higher_state = RuleState(), RuleState()
    for index, (low, high) in enumerate(zip(history, higher, strict=True)):
        tick = START + index * MINUTE
        lower_state, _ = step(lower_state, tick, low, rule)
        higher_state, _ = step(higher_state, tick, high, rule)

        assert set(higher_state.instances) <= set(lower_state.instances)
