"""What is said about the rules themselves: none yet, none any more, not evaluated, not readable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards import data_alerts as figures
from dashboards.components import format as fmt

if TYPE_CHECKING:
    from dashboards.data import View
    from dashboards.data_alerts import InForce

START: Final = """llmtrace alerts check my-rules.yaml        # every mistake at once
llmtrace collector --rules my-rules.yaml   # evaluates and sends, until Ctrl-C
"""
_EXAMPLE: Final = """version: 1
budgets:
  - {id: daily, period: day, amount: 150}
rules:
  - {id: error-rate, severity: critical,
     when: {metric: error_rate, window: 5m, op: ">", value: 5%}}
  - {id: daily-budget, severity: warning,
     when: {kind: budget, budget: daily, op: ">=", percent: 100}}
"""


def how_to_start(title: str) -> None:
    """Say how rules come into force."""
    with st.container(border=True):
        st.subheader(title, anchor=False)
        st.text("A rule file says what is too much; the collector looks once a minute.")
        st.code(_EXAMPLE, language="yaml")
        st.code(START, language="bash")


def not_evaluated(shown: View, in_force: InForce | None) -> None:
    """Say what is wrong with the rules, if anything is."""
    if in_force is None:
        how_to_start("No alert rules yet")
        return
    loaded = f"{figures.local(in_force.loaded_at, shown):%d %b %H:%M:%S}"
    if in_force.problem is not None:
        _told("Not readable", "The rules in force were kept by another version of llmtrace. "
              f"{fmt.plain(in_force.problem, 500)}")  # fmt: skip
    elif in_force.book is None:
        how_to_start(f"No rules are in force since {loaded}")
    elif not in_force.book.rules:
        how_to_start("The rule file has no enabled rule")
    elif in_force.is_late(shown.now):
        ticked = in_force.evaluated_at
        since = f"since {figures.local(ticked, shown):%d %b %H:%M:%S}" if ticked else "yet"
        _told("Not evaluated", f"Nobody has evaluated the rules {since}: no collector runs with "
              "them. What is shown as firing was so then. Start it again: "
              "llmtrace collector --rules my-rules.yaml")  # fmt: skip


def _told(word: str, text: str) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.badge(word, icon=":material/pause_circle:", color="orange")
        st.text(text)
