"""Rule tests as data: these calls at these times, then these states. No clock, no waiting.

The calls are put into a store of their own and the rules run over them through the very functions
that run live (``evaluate``, ``step``). Whoever writes a rule writes its test.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from llmtrace.alerts.document import Problem, parse
from llmtrace.alerts.evaluate import StoreEvaluator
from llmtrace.alerts.grid import last_tick_at
from llmtrace.alerts.rules import TEST_SUFFIXES, load_rules, named_problems, read_text
from llmtrace.alerts.schema import near, schema_problems
from llmtrace.alerts.source import duration, number
from llmtrace.alerts.step import RuleState, step
from llmtrace.clock import unix_ns
from llmtrace.errors import RuleError
from llmtrace.otlp.rows import SpanRow
from llmtrace.store import DATABASE_FILE, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmtrace.alerts.model import AlertRule, Labels
    from llmtrace.alerts.source import Fields
    from llmtrace.alerts.step import Event

MAX_CALLS: Final = 200_000
MAX_LENGTH: Final = timedelta(days=40)
"""Longest time a test may look at: more than a month, so that monthly budgets can be tested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestResult:
    """What became of one test file."""

    name: str
    checks: int
    """Expectations looked at."""
    failures: tuple[str, ...]
    """Those not met, as ``file:line: text``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """Everything that happened to one rule."""

    states: dict[datetime, RuleState]
    events: list[Event]


def find_rule_tests(path: Path) -> list[Path]:
    """Return the test file ``path``, or every ``*_test.yaml`` below the folder ``path``.

    Raises RuleError if there is none.
    """
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.name.endswith(TEST_SUFFIXES))
    if not found:
        raise RuleError([f"{path}:1: no *_test.yaml is in this folder; write one beside the rules"])
    return found


def run_rule_test(path: Path) -> RuleTestResult:
    """Run one test file. Raises RuleError with every problem of the file, or of its rules."""
    name = str(path)
    document = parse(read_text(path))
    problems = list(document.problems)
    if document.value is not None or not problems:
        problems += schema_problems(document, "rule_test_schema.json")
    if problems:
        raise RuleError(named_problems(name, problems))
    fields = cast("Fields", document.value)
    rules = {rule.id: rule for rule in load_rules(path.parent / str(fields["rules"])).rules}
    problems = [
        Problem(line=document.line(where), text=text) for where, text in _nonsense(fields, rules)
    ]
    if problems:
        raise RuleError(named_problems(name, problems))
    histories = _histories(fields, rules)
    failures = [
        Problem(line=document.line(where), text=text)
        for where, text in (*_wrong_states(fields, histories), *_wrong_changes(fields, histories))
    ]
    checks = len(_list(fields, "expect")) + len(_list(fields, "changes"))
    return RuleTestResult(name=name, checks=checks, failures=tuple(named_problems(name, failures)))


def _nonsense(
    fields: Fields, rules: dict[str, AlertRule]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what the schema cannot see: unknown rules, too much of anything."""
    for group in ("expect", "changes"):
        for index, item in enumerate(_list(fields, group)):
            rule = str(item["rule"])
            if rule not in rules:
                hint = near(rule, rules) or f"; rules: {', '.join(rules)}"
                yield (group, index, "rule"), f'no enabled rule is called "{rule}"{hint}'
    calls = 0
    for index, item in enumerate(_list(fields, "calls")):
        start, end = duration(str(item["from"])), duration(str(item["to"]))
        calls += max(0, (end - start) // duration(str(item["every"])))
        if end <= start:
            yield ("calls", index, "to"), f'"to" {item["to"]} is not after "from" {item["from"]}'
    if calls > MAX_CALLS:
        yield ("calls",), f"{calls} calls are more than {MAX_CALLS}; make them rarer"
    for index, item in enumerate(_list(fields, "expect")):
        if duration(str(item["at"])) > MAX_LENGTH:
            yield ("expect", index, "at"), f'"at" {item["at"]} is after {MAX_LENGTH.days} days'


def _histories(fields: Fields, rules: dict[str, AlertRule]) -> dict[str, _History]:
    start = datetime.fromisoformat(str(fields["start"])).astimezone(UTC)
    end = start + max(duration(str(item["at"])) for item in _list(fields, "expect"))
    asked = {str(item["rule"]) for name in ("expect", "changes") for item in _list(fields, name)}
    with (
        tempfile.TemporaryDirectory(prefix="llmtrace-rule-test-") as folder,
        Writer(Path(folder) / DATABASE_FILE) as writer,
    ):
        writer.insert(list(_calls(fields, start)))
        evaluator = StoreEvaluator(writer)
        return {name: _history(rules[name], start, end, evaluator) for name in sorted(asked)}


def _history(
    rule: AlertRule, start: datetime, end: datetime, evaluator: StoreEvaluator
) -> _History:
    state = RuleState()
    states: dict[datetime, RuleState] = {}
    events: list[Event] = []
    tick = last_tick_at(start, rule.every)
    while tick <= end:
        state, told = step(state, tick, evaluator.samples(rule, tick), rule)
        states[tick] = state
        events += told
        tick += rule.every
    return _History(states=states, events=events)


def _calls(fields: Fields, start: datetime) -> Iterator[SpanRow]:
    number_of_call = 0
    for item in _list(fields, "calls"):
        moment = start + duration(str(item["from"]))
        end = start + duration(str(item["to"]))
        while moment < end:
            number_of_call += 1
            yield _call(item, moment, number_of_call)
            moment += duration(str(item["every"]))


def _call(item: Fields, moment: datetime, number_of_call: int) -> SpanRow:
    latency_us = int(number(item.get("latency", "1s")) * 1_000_000)
    start_us = unix_ns(moment) // 1_000
    cost = item.get("cost")
    return SpanRow(
        trace_id=number_of_call.to_bytes(16, "big"),
        span_id=number_of_call,
        start_time_us=start_us,
        end_time_us=start_us + latency_us,
        duration_ns=latency_us * 1_000,
        name="chat",
        kind="client",
        status="error" if "error" in item else "ok",
        error_type=_text(item, "error"),
        http_status=cast("int | None", item.get("http_status")),
        is_inference=True,
        operation="chat",
        provider=_text(item, "provider"),
        request_model=_text(item, "model"),
        environment=_text(item, "environment"),
        service=_text(item, "service"),
        user_id=_text(item, "user"),
        tenant=_text(item, "tenant"),
        session_id=_text(item, "session"),
        feature=_text(item, "feature"),
        input_tokens=cast("int | None", item.get("input_tokens")),
        output_tokens=cast("int | None", item.get("output_tokens")),
        cache_status=_text(item, "cache"),
        cost_usd=None if cost is None else Decimal(str(cost)),
    )


def _wrong_states(
    fields: Fields, histories: dict[str, _History]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    start = datetime.fromisoformat(str(fields["start"])).astimezone(UTC)
    for index, item in enumerate(_list(fields, "expect")):
        moment = start + duration(str(item["at"]))
        states = histories[str(item["rule"])].states
        state = states[max(tick for tick in states if tick <= moment)]
        found = {alert.state for alert in state.instances.values() if _has(alert.labels, item)} or {
            "inactive"
        }
        if item["state"] not in found:
            seen = " and ".join(sorted(found))
            text = f"{item['rule']} at {item['at']} should be {item['state']}, is {seen}"
            yield ("expect", index), text


def _wrong_changes(
    fields: Fields, histories: dict[str, _History]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for index, item in enumerate(_list(fields, "changes")):
        events = histories[str(item["rule"])].events
        kinds = [event.kind for event in events if _has(event.instance.labels, item)]
        if kinds != item["kinds"]:
            wanted = ", ".join(cast("list[str]", item["kinds"])) or "nothing"
            text = f"{item['rule']} should go through {wanted}; it went through "
            yield ("changes", index), text + (", ".join(kinds) or "nothing")


def _has(labels: Labels, item: Fields) -> bool:
    wanted = cast("dict[str, str]", item.get("labels", {}))
    return wanted.items() <= dict(labels).items()


def _list(fields: Fields, name: str) -> Sequence[Fields]:
    return cast("list[Fields]", fields.get(name, []))


def _text(item: Fields, name: str) -> str | None:
    value = item.get(name)
    return None if value is None else str(value)
