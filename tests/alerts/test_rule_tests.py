"""Rule tests as data: the shipped ones hold, and a wrong expectation is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmtrace.alerts.rule_tests import find_rule_tests, run_rule_test
from llmtrace.alerts.rules import load_rules
from llmtrace.errors import RuleError
from llmtrace.resources import bundled

if TYPE_CHECKING:
    from pathlib import Path

RULES = """\
version: 1
rules:
  - {id: slow, severity: info, min_requests: 1, keep_firing_for: 0s, by: [model], when: {metric: latency_p95, window: 1m, op: ">", value: 2s}}
"""  # noqa: E501  # one rule a line, as in the file
TEST = """\
version: 1
rules: rules.yaml
start: 2026-03-02T12:00:00+01:00
calls:
  - {from: 0s, to: 2m, every: 10s, model: a, latency: 3s}
  - {from: 0s, to: 2m, every: 10s, model: b, latency: 1500ms}
expect:
  - {rule: slow, at: 1m, state: firing, labels: {model: a}}
  - {rule: slow, at: 1m, state: inactive, labels: {model: b}}
  - {rule: slow, at: 3m, state: inactive}
changes:
  - {rule: slow, kinds: [firing, resolved], labels: {model: a}}
"""


@pytest.fixture
def test_file(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES)
    path = tmp_path / "slow_test.yaml"
    path.write_text(TEST)
    return path


@pytest.mark.parametrize(
    "path", find_rule_tests(bundled("alerts") / "tests"), ids=lambda path: path.name
)
def test_the_shipped_rules_do_what_their_tests_say(path: Path) -> None:
    result = run_rule_test(path)

    assert result.failures == ()
    assert result.checks > 0


def test_every_shipped_rule_has_a_test() -> None:
    rules = {rule.id for rule in load_rules(bundled("alerts") / "rules").rules}
    tests = "".join(path.read_text() for path in find_rule_tests(bundled("alerts") / "tests"))

    assert {rule for rule in rules if f"rule: {rule}," not in tests} == set()


def test_a_met_test_has_no_failures(test_file: Path) -> None:
    result = run_rule_test(test_file)

    assert (result.checks, result.failures) == (4, ())


def test_reports_of_the_rule_file_change_nothing(test_file: Path) -> None:
    reports = "receivers: {log: {type: log}}\nreports: [{id: daily, every: day}]\n"
    (test_file.parent / "rules.yaml").write_text(RULES + reports)

    result = run_rule_test(test_file)

    assert (result.checks, result.failures) == (4, ())


def test_an_expectation_that_is_not_met_is_told_with_its_line(test_file: Path) -> None:
    wrong = TEST.replace("state: firing", "state: pending").replace("resolved]", "cleared]")
    test_file.write_text(wrong)

    result = run_rule_test(test_file)

    assert result.failures == (
        f"{test_file}:8: slow at 1m should be pending, is firing",
        f"{test_file}:12: slow should go through firing, cleared; it went through firing, resolved",
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("state: firing", "state: firin"), ':8: "state" is "firin"; did you mean "firing"?'),
        (("rule: slow, at: 1m", "rule: slo, at: 1m"), ':8: no enabled rule is called "slo"'),
        (("to: 2m", "to: 0s"), ':5: "to" 0s is not after "from" 0s'),
        (("every: 10s, model: a", "every: 10"), ':5: "every" is 10; write a duration such as'),
        (("to: 2m", "to: 9w"), ":4: 1088640 calls are more than 200000; make them rarer"),
        (("at: 3m", "at: 9w"), ':10: "at" 9w is after 40 days'),
        (("rules.yaml", "none.yaml"), "none.yaml:1: No such file or directory"),
    ],
)
def test_a_wrong_test_file_is_told_with_its_line(
    test_file: Path, change: tuple[str, str], expected: str
) -> None:
    test_file.write_text(TEST.replace(*change))

    with pytest.raises(RuleError) as caught:
        run_rule_test(test_file)

    assert expected in "\n".join(caught.value.problems)


def test_a_folder_without_tests_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"no \*_test\.yaml is in this folder"):
        find_rule_tests(tmp_path)


def test_tests_may_lie_beside_rules(test_file: Path) -> None:
    assert [rule.id for rule in load_rules(test_file.parent).rules] == ["slow"]
