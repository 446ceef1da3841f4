"""A store in which the alert engine has run: three hours with an error storm and a spent budget."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from dashboards import asking
from llmtrace.alerts.rules import read_rules
from llmtrace.alerts.runner import AlertRunner
from llmtrace.clock import FixedClock
from llmtrace.store import DATABASE_FILE, Writer
from tests.store.calls import call, failed, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmtrace.otlp.rows import SpanRow

NOW = datetime(2026, 11, 18, 15, 30, 5, tzinfo=UTC)
"""A Wednesday."""
HOSTILE_USER = "![x](http://evil.example/x.png) <b>\u202eann</b>"
RULES = """\
version: 1  # SECRETWORD
timezone: Europe/Berlin
defaults: {every: 20m, delay: 0s, keep_firing_for: 20m, min_requests: 1}
budgets:
  - {id: daily, period: day, amount: 5}
  - {id: monthly, period: month, amount: 100}
  - {id: per-user, period: week, amount: 2, by: [user]}
receivers:
  slack: {type: slack, url: "${env:LLMTRACE_TEST_NO_SLACK}"}
  audit: {type: file, path: alerts.jsonl}
rules:
  - id: error-rate
    title: Too many errors
    severity: critical
    by: [provider]
    when: {metric: error_rate, window: 20m, op: ">", value: 20%}
    for: 20m
    runbook: https://example.com/runbook
  - id: slow
    severity: warning
    by: [user]
    when: {metric: latency_p95, window: 40m, op: ">", value: 2s}
    notify: [audit]
  - id: daily-budget
    severity: warning
    when: {kind: budget, budget: daily, op: ">=", percent: 80}
  - id: per-user-budget
    severity: info
    when: {kind: budget, budget: per-user, op: ">=", percent: 100}
"""


@contextmanager
def held_open(home: Path) -> Iterator[Writer]:
    """Keep a store open for pages and tests: to open the file for each question is slow."""
    opened_each_time = asking._whole
    with Writer(home / DATABASE_FILE) as writer, pytest.MonkeyPatch.context() as patch:
        stores = {str(home): writer}
        patch.setattr(
            asking, "_whole", lambda folder: stores.get(folder) or opened_each_time(folder)
        )
        yield writer


def stormy_day() -> list[SpanRow]:
    """Return calls of the last days; from three to two hours ago one provider fails."""
    rows = [
        call(NOW - minutes(number * 3), provider=("openai", "anthropic")[number % 2],
             user_id=("ann", "bob", "cyd")[number % 3], cost_usd=Decimal("0.03125"))
        for number in range(160)
    ]  # fmt: skip
    rows += [failed(NOW - minutes(120 + number), provider="anthropic") for number in range(60)]
    rows += [
        call(NOW - minutes(20 + number), user_id=HOSTILE_USER, latency_ms=9_000)
        for number in range(10)
    ]
    rows += [
        call(NOW - timedelta(days=day, hours=2), user_id="ann", cost_usd=Decimal("4.51"))
        for day in range(1, 70)
    ]
    return rows


def run_engine(home: Path) -> None:
    """Store the calls and let the engine look at the last three hours, as if live."""
    home.mkdir(parents=True, exist_ok=True)
    with Writer(home / DATABASE_FILE) as writer:
        writer.insert(stormy_day())
    look_back(home, RULES, NOW, hours=3)


def look_back(home: Path, rules: str, now: datetime, *, hours: int) -> None:
    """Let the engine look at a store every twenty minutes until ``now``, as if live."""
    clock = FixedClock(now - timedelta(hours=hours))
    with Writer(home / DATABASE_FILE, clock=clock) as writer:
        book = read_rules({"/etc/llmtrace/rules.yaml": rules})
        engine = AlertRunner(book, home=home, clock=clock).engine(writer)
        for step in range(3 * hours, -1, -1):
            clock.set(now - timedelta(minutes=20 * step))
            engine.tick()
