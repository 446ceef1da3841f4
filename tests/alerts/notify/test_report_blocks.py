"""A report as Slack takes it: within its limits, escaped, and refused by no Slack."""

from __future__ import annotations

import json

from llmtrace.alerts.notify.blocks import length
from llmtrace.alerts.notify.report_blocks import ROWS_MAX, report_message
from tests.reports.hostile import a_hostile_document


def texts(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return own + [text for item in value.values() for text in texts(item)]
    return [text for item in value for text in texts(item)] if isinstance(value, list) else []


def test_nothing_a_span_says_is_a_mention_a_link_or_bold() -> None:
    message = report_message(a_hostile_document())

    told = json.dumps(message, ensure_ascii=False)
    assert "<!channel>" not in told
    assert "<@U1>" not in told
    assert "&lt;!channel&gt;" in told
    assert "`&lt;script&gt;alert(1)&lt;/script&gt;` $1.00 · 10.0% · new" in told


def test_the_longest_report_stays_within_the_limits() -> None:
    rows = tuple(("<&>" * 400 + str(number), "$1.00", "1.0%", "new") for number in range(21))

    message = report_message(a_hostile_document(rows=rows))

    assert max(length(text) for text in texts(message)) <= 3_000
    assert sum(length(text) for text in texts(message)) < 9_000
    assert f"… and {21 - ROWS_MAX} more" in json.dumps(message, ensure_ascii=False)


def test_a_report_of_nothing_has_no_empty_block() -> None:
    message = report_message(a_hostile_document(rows=(), movers=()))

    assert all(text.strip() for text in texts(message))
