"""One alert that a viewer chose: its last firing, who was told, and where its calls are."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.address import CUSTOM, DIMENSIONS
from dashboards.asking import STEP_S, open_at, place, whole_store
from llmtrace.alerts.grid import window_of
from llmtrace.alerts.message import format_value
from llmtrace.alerts.model import AlertRule, BudgetShare
from llmtrace.store.alert_rows import AlertRow, Delivery, HistoryRow, delivery_row, history_row
from llmtrace.store.alert_state import list_alerts
from llmtrace.store.queries import alert_changes_of, alert_messages_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.address import Choice
    from dashboards.asking import Place
    from dashboards.data_alerts import InForce
    from dashboards.figures import View

MAX_CHANGES: Final = 2_000
MAX_MESSAGES: Final = 200
_EPISODE: Final = re.compile(r"([0-9a-f]{16})(-\d{1,19})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One alert that the viewer looks at."""

    key: str
    rule_id: str
    severity: str
    labels: tuple[tuple[str, str], ...]
    summary: str
    value: str
    """With its unit, if its rule is known."""
    threshold: str
    state: str
    """``firing``, ``pending``, ``recovering``, ``resolved`` or ``cleared``."""
    since: datetime
    fired_at: datetime | None
    ended_at: datetime | None
    changes: tuple[HistoryRow, ...]
    """Of this firing, the oldest first; earlier firings are in the list of changes."""
    messages: tuple[Delivery, ...]
    rule: AlertRule | None
    """None if the rule is not in force any more."""


def chosen(text: str, in_force: InForce | None) -> Chosen | None:
    """Return the alert that a link names by key or episode; None if it is not known (any more)."""
    whole_store()
    match = _EPISODE.fullmatch(text.strip().lower())
    if match is None:
        return None
    row, history, messages = _alert(place(), match[1], match[0] if match[2] else "")
    rules = in_force.book.rules if in_force and in_force.book else ()
    if row is None and not history:
        return None
    about = row or history[-1]
    rule = next((each for each in rules if each.id == about.rule_id), None)
    return _chosen(about, row, history, messages, rule)


def calls_of(found: Chosen, shown: View) -> Choice:
    """Return what the filter bar of another page says to show an alert's calls: time and labels.

    The time is that of the first window in which the condition held, until the alert was over.
    """
    rule = found.rule
    begin = found.since if rule is None else window_of(rule, found.since).start
    until = found.ended_at or shown.now
    filters = {} if rule is None else {item.dimension: item.values for item in rule.filter}
    filters |= {name: (value,) for name, value in found.labels}
    return replace(
        shown.choice,
        range=CUSTOM,
        days=None,
        moments=(begin, max(until, begin + timedelta(seconds=1))),
        filters={name: values for name, values in filters.items() if name in DIMENSIONS},
    )


def not_filtered(found: Chosen) -> list[str]:
    """Return the dimensions that tell the alert's calls apart and that no page filters by."""
    filters = found.rule.filter if found.rule is not None else ()
    names = [*(name for name, _ in found.labels), *(item.dimension for item in filters)]
    return [name for name in dict.fromkeys(names) if name not in DIMENSIONS]


def is_about_money(rule: AlertRule | None) -> bool:
    """Say whether a rule compares money."""
    return rule is not None and (isinstance(rule.when, BudgetShare) or rule.unit == "usd")


def _chosen(
    about: AlertRow | HistoryRow,
    row: AlertRow | None,
    history: Sequence[HistoryRow],
    messages: Sequence[Delivery],
    rule: AlertRule | None,
) -> Chosen:
    if row is not None:
        state = "recovering" if row.calm_since else row.state
        since, fired_at, ended_at = row.since, row.fired_at, None
    else:
        state, since = history[-1].kind, history[0].tick
        fired_at = next((each.tick for each in history if each.kind == "firing"), None)
        ended_at = history[-1].tick if state in ("cleared", "resolved") else None
    return Chosen(
        key=about.key,
        rule_id=about.rule_id,
        severity=about.severity,
        labels=about.labels,
        summary=about.summary,
        value=_valued(about.value, rule),
        threshold=_valued(about.threshold, rule),
        state=state,
        since=since,
        fired_at=fired_at,
        ended_at=ended_at,
        changes=tuple(history),
        messages=tuple(messages),
        rule=rule,
    )


def _valued(value: Any, rule: AlertRule | None) -> str:
    if rule is not None:
        return format_value(value, rule.unit)
    return "no data" if value is None else f"{value.normalize():f}"


@st.cache_data(ttl=STEP_S, max_entries=50, show_spinner=False)
def _alert(
    where: Place, key: str, episode: str
) -> tuple[AlertRow | None, list[HistoryRow], list[Delivery]]:
    """Return one firing of an alert, the latest if no episode is named."""
    store = open_at(where)
    row = next((each for each in list_alerts(store) if each.key == key), None)
    rows = alert_changes_of(store, key, limit=MAX_CHANGES).to_pylist()
    history = _one_firing([history_row(each) for each in rows][::-1], episode)
    if row is not None and episode and row.episode != episode:
        row = None
    if row is None and not history:
        return None, [], []
    named = row.episode if row is not None else history[-1].episode
    found = alert_messages_of(store, named, limit=MAX_MESSAGES).to_pylist() if named else []
    return row, history, [delivery_row(each) for each in found]


def _one_firing(history: list[HistoryRow], episode: str) -> list[HistoryRow]:
    """Return the changes from inactive to inactive that have the episode, or else the last ones."""
    parts: list[list[HistoryRow]] = [[]]
    for change in history:
        parts[-1].append(change)
        if change.kind in ("cleared", "resolved"):
            parts.append([])
    known = [part for part in parts if part]
    if not episode:
        return known[-1] if known else []
    of_it = [part for part in known if any(row.episode == episode for row in part)]
    return of_it[0] if of_it else []
