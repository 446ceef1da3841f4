"""``llmtrace alerts``: check and test rules, see what fires and what was sent.

Rules are evaluated by the collector (``llmtrace collector --rules``); nothing here evaluates live.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from llmtrace.alerts.delivery import configured, message_of, notifier_for
from llmtrace.alerts.message import Notification, plain
from llmtrace.alerts.notify import GiveUp, RetryAfter, Sent
from llmtrace.alerts.rule_tests import find_rule_tests, run_rule_test
from llmtrace.alerts.rules import load_rules
from llmtrace.clock import SystemClock
from llmtrace.config import load_settings
from llmtrace.errors import ConfigError, RuleError
from llmtrace.resources import bundled
from llmtrace.store import open_store
from llmtrace.store.alert_state import list_alerts, list_deliveries, list_history

if TYPE_CHECKING:
    from llmtrace.alerts.model import RuleBook
    from llmtrace.store.alert_rows import AlertRow, Delivery, HistoryRow

_UNSENT: Final = frozenset({"waiting", "unconfigured", "dead"})

_home = click.option("--home", type=click.Path(path_type=Path), help="Instead of LLMTRACE_HOME.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_limit = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Rows at most."
)


@click.group(name="alerts", no_args_is_help=True)
def command() -> None:
    """Check and test alert rules; see what fires and what was sent."""


@command.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
def check(path: Path | None) -> int:
    """Find every mistake in a rule file or folder (default: the rules that ship with llmtrace).

    Exit 1 if there is one.
    """
    try:
        book = load_rules(path or _shipped("rules"))
    except RuleError as error:
        for problem in error.problems:
            click.echo(problem)
        click.echo(f"{_counted(len(error.problems), 'problem')} found", err=True)
        return 1
    reports = f", {_counted(len(book.reports), 'report')}" if book.reports else ""
    click.echo(f"{_counted(len(book.rules), 'rule')}{reports} ok")
    for name in book.disabled:
        click.echo(f"note: {name} is disabled")
    for line in _warnings(book):
        click.echo(f"warning: {line}")
    return 0


@command.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
def test(path: Path | None) -> int:
    """Run rule tests: a *_test.yaml file, or a folder of them (default: those that ship).

    Exit 1 if an expectation is not met.
    """
    results = [run_rule_test(file) for file in find_rule_tests(path or _shipped("tests"))]
    for result in results:
        for failure in result.failures:
            click.echo(failure)
        word = "FAILED" if result.failures else "ok"
        met = result.checks - len(result.failures)
        click.echo(f"{word}: {result.name}, {met} of {result.checks} expectations met")
    return 1 if any(result.failures for result in results) else 0


@command.command(name="list")
@_home
@_as_json
def list_(home: Path | None, *, as_json: bool) -> int:
    """Show alerts that fire or are pending, and messages that did not go out.

    Exit 1 if one fires.
    """
    with open_store(home) as store:
        alerts = list_alerts(store)
        unsent = [row for row in list_deliveries(store, limit=1_000) if row.status in _UNSENT]
    if as_json:
        click.echo(
            _json(
                {
                    "alerts": [asdict(row) for row in alerts],
                    "undelivered": [_told(row) for row in unsent],
                }
            )
        )
    else:
        _print_alerts(alerts, unsent)
    return 1 if any(alert.state == "firing" for alert in alerts) else 0


@command.command()
@_home
@_as_json
@_limit
def history(home: Path | None, *, as_json: bool, limit: int) -> int:
    """Show what became of alerts, newest first."""
    with open_store(home) as store:
        rows = list_history(store, limit=limit)
    if as_json:
        click.echo(_json([asdict(row) for row in rows]))
        return 0
    for row in rows:
        click.echo(_history_line(row))
    if not rows:
        click.echo("no alert has changed its state yet", err=True)
    return 0


@command.command()
@_home
@_as_json
@_limit
def deliveries(home: Path | None, *, as_json: bool, limit: int) -> int:
    """Show messages and what became of them, newest first."""
    with open_store(home) as store:
        rows = list_deliveries(store, limit=limit)
    if as_json:
        click.echo(_json([_told(row) for row in rows]))
        return 0
    for row in rows:
        click.echo(_delivery_line(row))
    if not rows:
        click.echo("no message was made yet", err=True)
    return 0


@command.command(name="send-test")
@click.argument("receiver")
@click.option("--rules", type=click.Path(path_type=Path), help="Rule file or folder.")
@_home
def send_test(receiver: str, rules: Path | None, home: Path | None) -> int:
    """Send a test message to a RECEIVER of the rule file. Exit 1 if it did not arrive."""
    book = load_rules(rules or _shipped("rules"))
    if receiver not in book.receivers:
        known = ", ".join(sorted(book.receivers)) or "none"
        raise ConfigError(f'no receiver is called "{plain(receiver)}"; receivers: {known}')
    notifier = notifier_for(book.receivers[receiver], home=load_settings(home=home).home)
    if notifier is None:
        click.echo(f"{receiver}: not configured; set {book.receivers[receiver].url}")
        return 1
    outcome = notifier.send(_test_message(receiver))
    match outcome:
        case Sent():
            click.echo(f"{receiver}: sent")
            return 0
        case RetryAfter() | GiveUp():
            click.echo(f"{receiver}: not sent: {outcome.reason}")
            return 1


def _shipped(folder: str) -> Path:
    return bundled("alerts") / folder


def _warnings(book: RuleBook) -> list[str]:
    _, missing = configured(book.receivers)
    told = [
        f"receiver {name} is not configured: {book.receivers[name].url} is not set; "
        "its messages are kept until it is"
        for name in missing
    ]
    silent = [
        *(f"rule {rule.id}" for rule in book.rules if not rule.notify),
        *(f"report {report.id}" for report in book.reports if not report.notify),
    ]
    return [*told, *(f"{name} tells nobody: it has no receivers" for name in silent)]


def _print_alerts(alerts: list[AlertRow], unsent: list[Delivery]) -> None:
    for alert in alerts:
        state = "recovering" if alert.calm_since else alert.state
        since = alert.fired_at or alert.since
        click.echo(f"{state:<10} {alert.severity:<8} since {_time(since)}  {plain(alert.summary)}")
    if not alerts:
        click.echo("no alert is pending or firing", err=True)
    for row in unsent:
        click.echo(f"undelivered: {_delivery_line(row)}", err=True)


def _history_line(row: HistoryRow) -> str:
    late = " (found out later)" if row.is_late else ""
    return f"{_time(row.tick)}  {row.kind:<8} {row.severity:<8} {plain(row.summary)}{late}"


def _delivery_line(row: Delivery) -> str:
    summary = plain(message_of(row).summary)
    reason = f" ({row.last_error})" if row.last_error else ""
    return (
        f"{_time(row.created_at)}  {row.status:<12} {row.kind:<8} to {row.receiver}, "
        f"attempts {row.attempts}{reason}: {summary}"
    )


def _told(row: Delivery) -> dict[str, object]:
    return {**asdict(row), "payload": json.loads(row.payload)}


def _json(value: object) -> str:
    return json.dumps(value, indent=2, default=_jsonable, ensure_ascii=True)


def _jsonable(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def _test_message(receiver: str) -> Notification:
    now = SystemClock().now()
    return Notification(
        kind="firing",
        reason="condition",
        rule_id="test",
        title="Test message from llmtrace",
        severity="info",
        summary=f"This is a test of the receiver {receiver}; nothing is wrong",
        description=None,
        runbook=None,
        value="1",
        threshold="> 0",
        window="now",
        labels=(),
        extra_labels=(),
        details=(),
        fired_at=now,
        tick=now,
        window_start=now,
        episode="test",
    )


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
