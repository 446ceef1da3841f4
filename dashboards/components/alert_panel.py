"""One alert as a card: its state, what it says, who was told, and the way to its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import streamlit as st

from dashboards import data_alert, data_alerts
from dashboards.components import format as fmt
from dashboards.components.filters import open_with

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.data import View
    from dashboards.data_alert import Chosen

    Color = Literal["red", "orange", "blue", "green", "gray"]

_SEVERITIES: Final[dict[str, Color]] = {"critical": "red", "warning": "orange", "info": "blue"}
_STATES: Final = {
    "firing": ("Firing", ":material/notifications_active:"),
    "recovering": ("Recovering", ":material/healing:"),
    "pending": ("Pending", ":material/hourglass_top:"),
    "resolved": ("Resolved", ":material/check:"),
    "cleared": ("Cleared before it fired", ":material/check:"),
}


def state_badge(severity: str, state: str | None = None) -> None:
    """Show a severity as a word in its colour; with a state, that word in the severity's."""
    color: Color = _SEVERITIES.get(severity, "gray")
    if state is None:
        st.badge(severity.capitalize() if severity in _SEVERITIES else "Other", color=color)
        return
    word, icon = _STATES.get(state, ("Known", ":material/notifications:"))
    st.badge(word, icon=icon, color="green" if state in ("resolved", "cleared") else color)


def panel(shown: View, found: Chosen) -> None:
    """Show an alert, with buttons that open its calls on other pages."""
    with st.container(border=True, key="alert-panel"):
        with st.container(horizontal=True, vertical_alignment="center"):
            state_badge(found.severity, found.state)
            state_badge(found.severity)
            title = found.rule.title if found.rule else found.rule_id
            st.text(fmt.one_line(title, 120), width="stretch")
            if st.button("Close", icon=":material/close:", type="tertiary", key="close-alert"):
                st.query_params.pop("alert", None)
                st.rerun()
        st.text(fmt.one_line(found.summary, 400))
        st.text("  ·  ".join(_facts(shown, found)))
        if found.rule is None:
            st.caption("Its rule is not in force any more.")
        _ways(shown, found)
        for message in found.messages:
            reason = f": {fmt.one_line(message.last_error, 160)}" if message.last_error else ""
            st.text(
                f"{_when(message.created_at, shown)}  {message.kind} message to "
                f"{fmt.one_line(message.receiver, 60)}: {message.status}{reason}"
            )


def _facts(shown: View, found: Chosen) -> list[str]:
    word = "Value" if found.ended_at is None else "Last value"
    facts = [f"{word} {found.value}, threshold {found.threshold}"]
    facts += [f"{name} {fmt.one_line(value, 80)}" for name, value in found.labels]
    facts.append(f"since {_when(found.since, shown)}")
    if found.fired_at is not None:
        facts.append(f"fired {_when(found.fired_at, shown)}")
    if found.ended_at is not None:
        facts.append(f"over {_when(found.ended_at, shown)}")
    return facts


def _ways(shown: View, found: Chosen) -> None:
    pages = [("Open traces", "views/traces.py", ":material/account_tree:")]
    if data_alert.is_about_money(found.rule):
        pages.append(("Open cost", "views/cost.py", ":material/payments:"))
    else:
        pages.append(("Open latency & reliability", "views/reliability.py", ":material/speed:"))
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, view, icon in pages:
            if st.button(label, icon=icon, key=view):
                open_with(view, data_alert.calls_of(found, shown))
        left_out = data_alert.not_filtered(found)
        told = "The time of the alert, with its labels as filters."
        if left_out:
            told += f" There is no filter for {', '.join(left_out)}."
        st.caption(told)


def _when(moment: datetime, shown: View) -> str:
    return f"{data_alerts.local(moment, shown):%d %b %H:%M:%S}"
