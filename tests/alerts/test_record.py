"""What is kept of the rules is the rules, without what people said beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from llmtrace.alerts.record import book_of, record_of
from llmtrace.alerts.rules import load_rules, read_rules
from llmtrace.errors import RuleError
from llmtrace.resources import bundled

if TYPE_CHECKING:
    from pathlib import Path

RULES = """\
version: 1  # once was https://hooks.slack.com/services/T/B/SECRETWORD
defaults: &d {every: 1m}
budgets: [{id: daily, period: day, amount: 150.10}]
receivers:
  slack: {type: slack, url: "${env:LLMTRACE_SLACK_URL}"}
rules:
  # SECRETWORD
  - id: errors
    severity: critical
    when: {metric: error_rate, window: 5m, op: ">", value: 5%}
    summary: "{value} 😀: \\"quoted\\" # no comment"
    description: >-
      Two lines that are long enough to be written on more than one line by whoever writes
      YAML, and a colon: here.
  - {id: spend, severity: info, when: {kind: budget, budget: daily, op: ">=", percent: 80}}
"""


def test_a_record_is_read_as_the_same_rules_and_holds_no_comment() -> None:
    book = read_rules({"/home/ann/rules.yaml": RULES})

    record = record_of(book)

    assert book_of(record) == replace(book, texts=book_of(record).texts)
    assert record_of(book_of(record)) == record
    assert "SECRETWORD" not in record
    assert "/home/ann" not in record


def test_the_rules_that_ship_survive_their_record() -> None:
    book = load_rules(bundled("alerts") / "rules")

    assert book_of(record_of(book)).rules == book.rules


def test_rules_of_several_files_stay_together(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RULES)
    (tmp_path / "b.yaml").write_text(
        "version: 1\nrules:\n"
        "  - {id: b, severity: info, when: {kind: budget, budget: daily, op: '>', percent: 9}}\n"
    )
    book = load_rules(tmp_path)

    assert [rule.id for rule in book_of(record_of(book)).rules] == ["errors", "spend", "b"]


def test_rules_that_this_version_does_not_know_are_refused() -> None:
    with pytest.raises(RuleError):
        book_of('{"rules.yaml": "version: 2\\nrules: []\\n"}')
