"""The figures of "Alerts": which rules are in force, what fires, what changed, what was sent.

A rule looks at the calls of all tenants: nothing here is for viewers of some of them only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.access import viewer
from dashboards.alert_bands import Band, bands_of
from dashboards.asking import STEP_S, open_at, place, wall_ms, whole_store
from llmtrace.alerts.backtest import Backtest, threshold_of
from llmtrace.alerts.backtest import backtest as run_backtest
from llmtrace.alerts.delivery import message_of
from llmtrace.alerts.message import format_duration, format_value
from llmtrace.alerts.model import AlertRule, RuleBook, Threshold
from llmtrace.alerts.record import book_of
from llmtrace.errors import RuleError
from llmtrace.store.alert_rows import AlertRow, Delivery, HistoryRow, delivery_row, history_row
from llmtrace.store.alert_state import list_alerts
from llmtrace.store.queries import (
    alert_changes,
    alert_deliveries,
    alert_progress,
    alert_rules,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboards.asking import Place
    from dashboards.figures import View

__all__ = [
    "AlertRow",
    "AlertRule",
    "Backtest",
    "Band",
    "Delivery",
    "HistoryRow",
    "InForce",
    "Log",
    "bands_of",
    "format_duration",
    "format_value",
    "threshold_of",
]

MAX_CHANGES: Final = 2_000
MAX_MESSAGES: Final = 200
_UNSENT: Final = frozenset({"dead", "unconfigured", "waiting"})
_LATE: Final = timedelta(minutes=2)
_MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The rules that a collector was started with last."""

    loaded_at: datetime
    book: RuleBook | None
    """None: it was started without rules, or they cannot be read; ``problem`` says so then."""
    problem: str | None
    digest: str
    evaluated_at: datetime | None
    """The newest tick of any of the rules; None: none was evaluated yet."""

    def is_late(self, now: datetime) -> bool:
        """Say whether nobody seems to evaluate the rules any more."""
        rules = self.book.rules if self.book else ()
        if not rules:
            return False
        patience = min(rule.delay + 3 * rule.every for rule in rules) + _LATE
        since = max(self.loaded_at, self.evaluated_at or self.loaded_at)
        return now - since > patience


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Messages of a range, the newest first."""

    rows: tuple[Delivery, ...]
    is_cut: bool

    @property
    def unsent(self) -> int:
        """How many of them did not arrive, or not yet."""
        return sum(row.status in _UNSENT for row in self.rows)


def rules() -> InForce | None:
    """Return the rules in force; None if there never were any."""
    whole_store()
    row, ticks = _rules(place())
    if row is None:
        return None
    book, problem = (None, None) if row["document"] is None else _book(row["document"])
    ids = {rule.id for rule in book.rules} if book else set[str]()
    evaluated = [tick for name, tick in ticks.items() if name in ids]
    return InForce(
        loaded_at=row["loaded_at"].replace(tzinfo=UTC),
        book=book,
        problem=problem,
        digest=row["digest"],
        evaluated_at=max(evaluated, default=None),
    )


def rules_or_none() -> InForce | None:
    """Return the rules in force; None too for viewers of some tenants, who are not told of them."""
    return rules() if viewer().sees_all else None


def alerts() -> list[AlertRow]:
    """Return pending and firing alerts, the firing and the most severe first."""
    whole_store()
    order = ("critical", "warning", "info")
    return sorted(
        _alerts(place()),
        key=lambda row: (row.state, order.index(row.severity) if row.severity in order else 9),
    )


def changes(shown: View) -> tuple[list[HistoryRow], bool]:
    """Return changes until the range's end, the oldest first, and whether older ones are left out.

    Of each alert there is the last change before the range too, if it was pending or firing then.
    """
    whole_store()
    found = _changes(place(), shown.scope.start, shown.scope.end)
    return found, len(found) == MAX_CHANGES


def log(shown: View) -> Log:
    """Return the messages of the range."""
    whole_store()
    found = _messages(place(), shown.scope.start, shown.scope.end)
    return Log(rows=tuple(found[:MAX_MESSAGES]), is_cut=len(found) > MAX_MESSAGES)


def told(message: Delivery) -> str:
    """Return the one line that a message says; untrusted."""
    try:
        return message_of(message).summary
    except (ValueError, KeyError, TypeError):
        return "(cannot be read)"


def backtest(shown: View, rule: AlertRule, digest: str) -> Backtest:
    """Return what a rule would have done in the range, to the minute.

    ``digest`` is that of the rules in force, with which the answer is kept.
    """
    whole_store()
    start, end = shown.scope.start, shown.scope.end
    # To whole minutes, of long ranges ten of them, so that viewers share answers.
    step = _MINUTE_S if end - start <= timedelta(days=2) else 10 * _MINUTE_S
    return _backtest(place(), (digest, rule.id), rule, _floor(start, step), _floor(end, step))


def on_axis(moment: datetime, shown: View) -> int:
    """Return a moment on a chart's time axis."""
    return wall_ms(moment, shown.zone)


def local(moment: datetime, shown: View) -> datetime:
    """Return a moment in the viewer's zone."""
    return moment.astimezone(ZoneInfo(shown.zone))


def condition(rule: AlertRule) -> str:
    """Return when a rule fires, in words."""
    when = rule.when
    if isinstance(when, Threshold):
        value = format_value(when.value, rule.unit)
        text = f"{_words(when.metric)} {when.op} {value} over {format_duration(when.window)}"
        if when.resolve_at is not None:
            text += f", until it is back at {format_value(when.resolve_at, rule.unit)}"
    else:
        amount = format_value(when.budget.amount_usd, "usd")
        text = f"spent {when.op} {when.percent:f} % of {amount} this {when.budget.period}"
    return f"{text}, for {format_duration(rule.hold)}" if rule.hold else text


def facts(rule: AlertRule) -> list[tuple[str, str]]:
    """Return more about a rule, name and text: whom it looks at, how often, who is told."""
    filters = "; ".join(f"{item.dimension} {', '.join(item.values)}" for item in rule.filter)
    found = [
        ("One alert for each", ", ".join(rule.by)),
        ("Only", filters),
        ("Looked at every", format_duration(rule.every)),
        ("Resolved after", "" if rule.is_latched else format_duration(rule.keep_firing_for)),
        ("Without data below", f"{rule.min_requests} calls" if rule.min_requests > 1 else ""),
        ("No data means", "" if rule.no_data == "ok" else rule.no_data),
        ("Tells", ", ".join(rule.notify) or "nobody"),
        ("Runbook", rule.runbook or ""),
    ]
    return [(name, text) for name, text in found if text]


def _words(metric: str) -> str:
    return metric.replace("_", " ")


def _floor(moment: datetime, step_s: int) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // step_s * step_s, UTC)


@lru_cache(maxsize=16)
def _book(document: str) -> tuple[RuleBook | None, str | None]:
    try:
        return book_of(document), None
    except (RuleError, ValueError) as error:
        return None, str(error)


@st.cache_data(ttl=STEP_S, max_entries=8, show_spinner=False)
def _rules(where: Place) -> tuple[dict[str, Any] | None, Mapping[str, datetime]]:
    store = open_at(where)
    rows = alert_rules(store).to_pylist()
    ticks = {
        row["rule_id"]: row["last_tick"].replace(tzinfo=UTC)
        for row in alert_progress(store).to_pylist()
    }
    return (rows[0] if rows else None), ticks


@st.cache_data(ttl=STEP_S, max_entries=8, show_spinner=False)
def _alerts(where: Place) -> list[AlertRow]:
    return list_alerts(open_at(where))


@st.cache_data(ttl=STEP_S, max_entries=50, show_spinner=False)
def _changes(where: Place, start: datetime, end: datetime) -> list[HistoryRow]:
    found = alert_changes(open_at(where), start, end, limit=MAX_CHANGES)
    return [history_row(row) for row in found.to_pylist()]


@st.cache_data(ttl=STEP_S, max_entries=50, show_spinner=False)
def _messages(where: Place, start: datetime, end: datetime) -> list[Delivery]:
    found = alert_deliveries(open_at(where), start, end, limit=MAX_MESSAGES + 1)
    return [delivery_row(row) for row in found.to_pylist()]


@st.cache_data(ttl=120, max_entries=50, show_spinner=False)
def _backtest(
    where: Place, key: tuple[str, str], _rule: AlertRule, start: datetime, end: datetime
) -> Backtest:
    del key  # what names the rule among all that ever were; the rule itself need not be hashed
    return run_backtest(open_at(where), _rule, start, end)
