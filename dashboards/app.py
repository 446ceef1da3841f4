"""The dashboards' entry: which pages there are. Started by ``llmtrace dashboard``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import streamlit as st

_PARENT = str(Path(__file__).resolve().parent.parent)
if _PARENT not in sys.path:  # Streamlit knows this file's folder only, not the package it is in.
    sys.path.insert(0, _PARENT)

# Found by the lines above.
from dashboards.components.sign_in import gate, present  # noqa: E402
from dashboards.garbage import spare_imported  # noqa: E402

# Pages that tell of all tenants together; each refuses by itself too (`require_all_tenants`).
_OF_ALL_TENANTS: Final = frozenset({"alerts", "budgets", "sql", "system"})

_HERE: Final = Path(__file__).parent

st.set_page_config(page_title="llmtrace", page_icon=_HERE / "icon.svg", layout="wide")
st.logo(_HERE / "logo.svg", size="medium")
_who = present()
_sections = {
    "Monitor": [
        st.Page("views/overview.py", title="Overview", icon=":material/monitoring:", default=True),
        st.Page("views/cost.py", title="Cost", icon=":material/payments:"),
        st.Page("views/reliability.py", title="Latency & reliability", icon=":material/speed:"),
        st.Page("views/usage.py", title="Usage & tokens", icon=":material/data_usage:"),
        st.Page("views/cache.py", title="Cache", icon=":material/bolt:"),
        st.Page("views/budgets.py", title="Budgets", icon=":material/savings:"),
    ],
    "Investigate": [
        st.Page("views/traces.py", title="Traces", icon=":material/account_tree:"),
        st.Page("views/sessions.py", title="Sessions", icon=":material/forum:"),
        st.Page("views/alerts.py", title="Alerts", icon=":material/notifications:"),
        st.Page("views/replay.py", title="Replay & compare", icon=":material/replay:"),
        st.Page("views/sql.py", title="SQL console", icon=":material/terminal:"),
    ],
    "Optimise": [
        st.Page("views/savings.py", title="Savings", icon=":material/savings:"),
        st.Page("views/what_if.py", title="What-if", icon=":material/compare_arrows:"),
    ],
    "Operate": [st.Page("views/system.py", title="System", icon=":material/dns:")],
}
if _who is not None and not _who.sees_all:
    for _pages in _sections.values():
        _pages[:] = [each for each in _pages if each.url_path not in _OF_ALL_TENANTS]
_chosen = st.navigation(
    {name: pages for name, pages in _sections.items() if pages},
    position="hidden" if _who is None else "sidebar",
)
gate(_who)
_chosen.run()
spare_imported()
