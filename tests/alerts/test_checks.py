"""What a schema cannot see in a rule file."""

# ruff: noqa: E501  # messages are compared whole, as people read them

from __future__ import annotations

import pytest

from tests.alerts.test_rules import GOOD, problems, rule_with


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"notify": "[olg]"}, 'r.yaml:7: no receiver is called "olg"; did you mean "log"?'),
        ({"summary": '"{valu}"'}, 'r.yaml:7: summary names {valu}; did you mean "value"?'),
        (
            {"when": '{kind: budget, budget: daily, op: ">", percent: 5}'},
            'r.yaml:6: no budget is called "daily"; budgets: none',
        ),
        (
            {"when": '{metric: error_rate, window: 5m, op: ">", value: 5}'},
            "r.yaml:6: value 5 does not suit error_rate; write a share such as 5%, or a number from 0 to 1",
        ),
        (
            {"when": '{metric: latency_p95, window: 5m, op: ">", value: 800}'},
            "r.yaml:6: value 800 does not suit latency_p95; write a time such as 800ms, 10s or 2m",
        ),
        (
            {"when": '{metric: cost, window: 5m, op: ">", value: 5%}'},
            'r.yaml:6: value "5%" does not suit cost; write US dollars as a plain number',
        ),
        (
            {"when": '{metric: error_rate, window: 5m, op: ">", value: 5%, resolve_at: 6%}'},
            'r.yaml:6: resolve_at "6%" must be at or below value "5%" for >, or the alert could never calm down',
        ),
        (
            {"every": "7m"},
            "r.yaml:6: window 5m is not a multiple of every 7m; calls would count in some ticks and not in others",
        ),
        ({"delay": "5m"}, "r.yaml:6: delay 5m is not below window 5m; make the window longer"),
        (
            {"by": "[model]", "no_data": "alert"},
            "r.yaml:8: no_data: alert needs a rule without by: a value never seen cannot be missed",
        ),
        (
            {"id": "evaluator-error"},
            'r.yaml:4: rule id "evaluator-error" is built in; choose another',
        ),
    ],
)
def test_a_rule_that_makes_no_sense_is_told_with_line_reason_and_remedy(
    fields: dict[str, str], expected: str
) -> None:
    assert expected in problems(rule_with(**fields))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            ("id: spend, ", "id: spend, by: [user], "),
            'r.yaml:16: "by" of a budget rule belongs to its budget; move it there',
        ),
        (
            ("id: spend, ", "id: spend, filter: {user: x}, "),
            'r.yaml:16: "filter" of a budget rule belongs to its budget; move it there',
        ),
        (
            ("id: spend, ", "id: spend, min_requests: 1, "),
            'r.yaml:16: "min_requests" means nothing for a budget; remove it',
        ),
        (
            ("id: spend, ", "id: spend, no_data: alert, "),
            'r.yaml:16: "no_data" of a budget rule is always ok: no calls cost nothing',
        ),
        (
            ("by: [tenant]", "by: [error_type]"),
            'r.yaml:4: a budget cannot be by "error_type": an error has no budget; remove it',
        ),
        (
            ('budget: daily, op: ">="', 'budget: daly, op: ">="'),
            'r.yaml:16: no budget is called "daly"; did you mean "daily"?',
        ),
    ],
)
def test_a_budget_rule_that_makes_no_sense_is_told(change: tuple[str, str], expected: str) -> None:
    assert expected in problems(GOOD.replace(*change))
