"""Figures and sentences for people."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.alerts.message import format_duration, format_value, notification, plain, summary
from llmtrace.alerts.step import Event, Instance
from tests.alerts.building import START, a_budget_rule, a_rule

if TYPE_CHECKING:
    from llmtrace.alerts.model import Unit

INSTANCE = Instance(
    key="k",
    labels=(("user", "{title} \u202eevil"),),
    period="2026-03-02",
    state="firing",
    since=START,
    fired_at=START,
    value=Decimal("0.074"),
    threshold=Decimal("0.05"),
)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("0.074", "ratio", "7.4 %"),
        ("0.05", "ratio", "5 %"),
        ("1", "ratio", "100 %"),
        ("0.8404", "seconds", "840 ms"),
        ("12.34", "seconds", "12.3 s"),
        ("1234.5", "usd", "$1,234.50"),
        ("0.00251", "usd", "$0.0025"),
        ("0", "usd", "$0.00"),
        ("12345", "count", "12,345"),
        (None, "usd", "no data"),
    ],
)
def test_a_value_is_shown_with_its_unit(value: str | None, unit: Unit, expected: str) -> None:
    assert format_value(None if value is None else Decimal(value), unit) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(300, "5 min"), (90, "90 s"), (7_200, "2 h"), (86_400, "1 d")]
)
def test_a_duration_is_shown_in_its_largest_whole_unit(seconds: int, expected: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == expected


def test_a_rules_own_words_are_filled_in_once_and_labels_cannot_pose_as_placeholders() -> None:
    rule = a_rule(by=("user",), summary="{value} > {threshold} in {window} for {labels}")

    assert summary(INSTANCE, rule) == "7.4 % > 5 % in 5 min for user {title} evil"


def test_labels_that_the_words_leave_out_are_added() -> None:
    assert summary(INSTANCE, a_rule(summary="{title}!")) == "Errors! · user {title} evil"


def test_a_budget_says_its_period_and_timezone() -> None:
    event = Event(kind="firing", reason="condition", rule_id="spend", tick=START, instance=INSTANCE)

    told = notification(event, a_budget_rule(), window_start=START)

    assert told.window == "day from 2026-03-02 (UTC)"


def test_plain_text_has_no_line_breaks_controls_or_direction_marks() -> None:
    assert plain("a\nb\t\x00c\u202ed\ud800e") == "a b cde"
