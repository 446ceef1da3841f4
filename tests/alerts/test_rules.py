"""Rule files: what is accepted, and how wrong ones are told."""

# ruff: noqa: E501  # messages are compared whole, as people read them

from __future__ import annotations

from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.alerts.model import BudgetShare, Filter, Threshold
from llmtrace.alerts.rules import load_rules, read_rules
from llmtrace.errors import RuleError

GOOD = """\
version: 1
timezone: Europe/Berlin
budgets:
  - {id: daily, period: day, amount: 12.5, by: [tenant], filter: {model: [a, b]}}
receivers:
  ops: {type: slack, url: "${env:SLACK}"}
  audit: {type: file, path: alerts.jsonl}
rules:
  - id: errors
    severity: critical
    for: 2m
    by: [provider]
    when: {metric: error_rate, window: 5m, op: ">", value: 5%, resolve_at: 3%}
    summary: "Errors {value} in {window}"
  - {id: slow, severity: warning, notify: [audit], when: {metric: latency_p95, window: 1h30m, op: ">", value: 800ms}}
  - {id: spend, severity: info, when: {kind: budget, budget: daily, op: ">=", percent: 80}}
  - {id: off, severity: info, enabled: false, when: {kind: budget, budget: daily, op: ">", percent: 1}}
"""
BASE = 'version: 1\nrules:\n  - {id: a, severity: info, when: {metric: cost, window: 5m, op: ">", value: 1}}\n'


def problems(text: str) -> list[str]:
    with pytest.raises(RuleError) as caught:
        read_rules({"r.yaml": text})
    return caught.value.problems


def rule_with(**fields: str) -> str:
    """Return a file whose one rule has the given fields, as YAML text, on line 4 and after."""
    base = {
        "id": "a",
        "severity": "info",
        "when": '{metric: error_rate, window: 5m, op: ">", value: 5%}',
    } | fields
    lines = [f"    {name}: {value}" for name, value in base.items()]
    lines[0] = "  - " + lines[0].strip()
    return "\n".join(["version: 1", "receivers: {log: {type: log}}", "rules:", *lines, ""])


def test_a_good_file_becomes_records_in_base_units() -> None:
    book = read_rules({"r.yaml": GOOD})

    errors, slow, spend = book.rules
    assert isinstance(errors.when, Threshold)
    assert (errors.when.value, errors.when.resolve_at) == (Decimal("0.05"), Decimal("0.03"))
    assert errors.hold == timedelta(minutes=2)
    assert isinstance(slow.when, Threshold)
    assert (slow.when.value, slow.when.window) == (Decimal("0.800"), timedelta(minutes=90))
    assert isinstance(spend.when, BudgetShare)
    assert spend.when.threshold_usd == Decimal(10)
    assert spend.by == ("tenant",)
    assert book.disabled == ("off",)


def test_a_rule_without_receivers_tells_everyone() -> None:
    book = read_rules({"r.yaml": GOOD})

    assert book.rules[0].notify == ("ops", "audit")
    assert book.rules[1].notify == ("audit",)


def test_shares_and_percentiles_are_guarded_by_twenty_requests_and_sums_are_not() -> None:
    book = read_rules({"r.yaml": GOOD})

    assert [rule.min_requests for rule in book.rules] == [20, 20, 0]


def test_money_is_read_exactly() -> None:
    book = read_rules({"r.yaml": GOOD.replace("12.5", "0.1")})

    assert isinstance(book.rules[2].when, BudgetShare)
    assert book.rules[2].when.budget.amount_usd == Decimal("0.1")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"forr": "3m"}, 'r.yaml:7: unknown field "forr"; did you mean "for"?'),
        (
            {"severity": "page"},
            'r.yaml:5: "severity" is "page"; write one of: info, warning, critical',
        ),
        ({"for": "5"}, 'r.yaml:7: "for" is 5; write a duration such as 0s, 30s, 5m, 1h30m, 1d'),
        (
            {"filter": "{modle: x}"},
            'r.yaml:7: "filter" names "modle", unknown; did you mean "model"?',
        ),
        ({"by": "[model, model]"}, 'r.yaml:7: "by" is a list; write each item once'),
        ({"min_requests": "-1"}, 'r.yaml:7: "min_requests" is -1; write at least 0'),
        (
            {"runbook": "http://x"},
            'r.yaml:7: "runbook" is "…"; write a link that begins with https://',
        ),
        ({"enabled": "maybe"}, 'r.yaml:7: "enabled" is "maybe"; write true or false'),
        (
            {"when": "{kind: burn_rate, slo: 99}"},
            'r.yaml:6: kind "burn_rate" is not supported by this version; supported: threshold, budget',
        ),
        ({"when": "{metric: cost}"}, 'r.yaml:6: "when" has no field "window"; add it'),
    ],
)
def test_a_wrong_field_is_told_with_line_reason_and_remedy(
    fields: dict[str, str], expected: str
) -> None:
    assert expected in problems(rule_with(**fields))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "r.yaml:1: the file is empty; it needs 'version: 1' and 'rules:'"),
        ("~", "r.yaml:1: the file is nothing; write a mapping of fields"),
        ("- 1", "r.yaml:1: the file is a list; write a mapping of fields"),
        ("a: [b", "r.yaml:1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("version: 1\nrules:\n  - {op: >, a: 1}", "r.yaml:3: not valid YAML: a > must be quoted; write op: '>'"),
        ("version: 1\nversion: 1\nrules: []", 'r.yaml:2: field "version" is given twice, first in line 1'),
        ("version: 1\nrules: !!python/object/apply:os.system [ls]", "r.yaml:2: tags (!…) are not allowed in a rule file; write plain values"),
        ("a: &a [*a]", "r.yaml:1: too many values or too deep: aliases multiply them; remove some"),
        ("a: *b", "r.yaml:1: not valid YAML: an alias names an anchor that does not exist, or exists twice"),
        ("[" * 20_000, "r.yaml:1: nested deeper than 20 levels; rules need 6 at most"),
        ("version: 2\nrules: []", 'r.yaml:1: "version" is 2; write 1'),
        ("version: 1\ntimezone: Europe/Berln\nrules: []", 'r.yaml:2: timezone "Europe/Berln" does not exist; write an IANA name such as Europe/Berlin'),
        ("version: 1\nrules: []\nbudgets: [{id: b, period: day, amount: .inf}]", 'r.yaml:3: "amount" is ".inf"; write US dollars, a number above 0'),
        ("version: 1\nrules: []\nreceivers: {a: {type: pagerduty}}", 'r.yaml:3: type "pagerduty" is not supported by this version; supported: slack, file, log'),
    ],
)  # fmt: skip
def test_a_broken_file_is_told_with_its_line(text: str, expected: str) -> None:
    assert expected in problems(text)


def test_aliases_cannot_blow_a_small_file_up() -> None:
    rows = ["a0: &a0 [1,1,1,1,1,1,1,1,1]"]
    rows += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]

    found = problems("\n".join(rows))

    assert any("aliases multiply" in line for line in found)


def test_a_file_larger_than_a_mebibyte_is_refused() -> None:
    assert "larger than 1048576 bytes" in problems(BASE + "#" * 1_048_576)[0]


def test_every_problem_of_every_file_is_told_at_once() -> None:
    with pytest.raises(RuleError) as caught:
        read_rules({"one.yaml": rule_with(forr="1m", severity="page"), "two.yaml": "version: 3"})

    assert [line.split(": ")[0] for line in caught.value.problems] == [
        "one.yaml:5",
        "one.yaml:7",
        "two.yaml:1",
        "two.yaml:1",
    ]


def test_an_id_used_in_two_files_names_the_first() -> None:
    with pytest.raises(RuleError) as caught:
        read_rules({"one.yaml": BASE, "two.yaml": BASE})

    assert caught.value.problems == [
        'two.yaml:3: rule id "a" is used twice, first in one.yaml:3; rename one'
    ]


def test_a_receiver_of_one_file_serves_the_rules_of_another() -> None:
    texts = {
        "a.yaml": "version: 1\nrules: []\nreceivers: {log: {type: log}}",
        "b.yaml": rule_with(notify="[log]").replace("receivers: {log: {type: log}}\n", ""),
    }

    assert read_rules(texts).rules[0].notify == ("log",)


@pytest.mark.parametrize(
    "place",
    [
        "receivers: {ops: {type: slack, url: '@'}}",
        "receivers: {ops: {type: slack, url: ['@']}}",
        "receivers: {ops: {type: slack, '@': 1}}",
        "receivers: {ops: {type: '@', url: 1}}",
        "receivers: {'@': {type: log}}",
        "receivers: '@'",
        "timezone: '@'",
        "'@': 1",
        "'@': 1\n'@': 2",
        "timezone: '@\n:",
        "receivers: {ops: {type: slack, url: *@}}",
    ],
)
def test_a_secret_in_the_wrong_place_is_never_printed(place: str) -> None:
    secret = "https://hooks.slack.com/services/T00000000/B00000000/s3cr3tt0kens3cr3tt0ken"

    found = problems("version: 1\nrules: []\n" + place.replace("@", secret))

    assert found
    assert "s3cr3t" not in "\n".join(found)


def test_the_rule_file_in_the_documentation_is_right() -> None:
    page = Path(__file__).parents[2] / "docs" / "alerts.md"
    example = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]

    assert [rule.id for rule in read_rules({"docs": example}).rules] == [
        "error-rate",
        "daily-budget",
    ]


def test_a_folder_is_read_as_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text(BASE.replace("id: a", "id: b"))
    (tmp_path / "a.yaml").write_text(BASE)
    (tmp_path / "note.txt").write_text("not a rule")

    assert [rule.id for rule in load_rules(tmp_path).rules] == ["a", "b"]


def test_a_missing_file_an_empty_folder_and_no_text_are_told(tmp_path: Path) -> None:
    binary = tmp_path / "x.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    empty = tmp_path / "empty"
    empty.mkdir()

    for path, expected in [
        (tmp_path / "none.yaml", "No such file"),
        (empty, "no *.yaml file"),
        (binary, "not UTF-8"),
    ]:
        with pytest.raises(RuleError, match=r".*") as caught:
            load_rules(path)
        assert expected in str(caught.value)


def problems_or_nothing(text: str) -> list[str]:
    try:
        read_rules({"r.yaml": text})
    except RuleError as error:
        return error.problems
    return []


@given(st.text(max_size=200))
def test_no_text_makes_reading_fail_otherwise_than_with_told_problems(text: str) -> None:
    assert all(line.startswith("r.yaml:") for line in problems_or_nothing(text))


@given(st.data())
def test_a_file_with_a_cut_or_a_wrong_character_never_crashes_the_reader(
    data: st.DataObject,
) -> None:
    place = data.draw(st.integers(0, len(GOOD)))
    change = data.draw(st.sampled_from(["", "x", ":", "{", "\n", "0", "&", "*", "!", "\t", "'"]))
    length = data.draw(st.integers(0, 12))

    found = problems_or_nothing(GOOD[:place] + change + GOOD[place + length :])

    assert all(line.startswith("r.yaml:") for line in found)


REPORTS = """\
version: 1
timezone: Europe/Berlin
receivers: {log: {type: log}, ops: {type: log}}
rules: []
reports:
  - {id: weekly, every: week, at: 08:30, by: tag.team, filter: {environment: prod}, notify: [ops]}
  - {id: daily, every: day}
  - {id: monthly, every: month, enabled: false}
"""


def test_reports_have_a_calendar_a_time_of_day_and_receivers() -> None:
    book = read_rules({"r.yaml": REPORTS})

    weekly, daily = book.reports
    assert (weekly.every, weekly.at, weekly.by) == ("week", time(8, 30), "tag.team")
    assert (weekly.timezone, weekly.notify) == ("Europe/Berlin", ("ops",))
    assert weekly.filter == (Filter(dimension="environment", values=("prod",)),)
    assert (daily.at, daily.by, daily.notify) == (time(6), "model", ("log", "ops"))
    assert book.disabled == ("monthly",)


@pytest.mark.parametrize(
    ("report", "problem"),
    [
        ("{every: day}", 'r.yaml:4: item 1 of reports has no field "id"; add it'),
        ("{id: a, every: hour}", 'r.yaml:4: "every" is "hour"; write one of: day, week, month'),
        ("{id: a, every: day, at: 25:00}", 'r.yaml:4: "at" is "25:00"; write a time of day such as "08:30", in quotes'),
        ("{id: a, every: day, by: usr}", 'r.yaml:4: "by" is "usr"; write one of environment, error_type, feature, model, operation, provider, service, session, status, tenant, user, or tag.<key>'),
        ("{id: a, every: day, notify: [lgo]}", 'r.yaml:4: no receiver is called "lgo"; did you mean "log"?'),
        ("{id: a, evry: day, every: day}", 'r.yaml:4: unknown field "evry"; did you mean "every"?'),
        ("{id: a, every: day}, {id: a, every: week}", 'r.yaml:4: report id "a" is used twice, first in r.yaml:4; rename one'),
    ],
)  # fmt: skip
def test_a_wrong_report_is_told_with_its_line(report: str, problem: str) -> None:
    text = f"version: 1\nreceivers: {{log: {{type: log}}}}\nrules: []\nreports: [{report}]\n"

    assert problems(text) == [problem]
