"""The dashboards' entry: which pages there are. Started by ``llmtrace dashboard``."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

_PARENT = str(Path(__file__).resolve().parent.parent)
if _PARENT not in sys.path:  # Streamlit knows this file's folder only, not the package it is in.
    sys.path.insert(0, _PARENT)

st.set_page_config(page_title="llmtrace", page_icon="◧", layout="wide")
st.logo(Path(__file__).with_name("logo.svg"), size="medium")
st.navigation(
    {
        "Monitor": [
            st.Page(
                "views/overview.py", title="Overview", icon=":material/monitoring:", default=True
            ),
            st.Page("views/cost.py", title="Cost", icon=":material/payments:"),
            st.Page("views/reliability.py", title="Latency & reliability", icon=":material/speed:"),
            st.Page("views/cache.py", title="Cache", icon=":material/bolt:"),
        ],
        "Investigate": [
            st.Page("views/traces.py", title="Traces", icon=":material/account_tree:"),
            st.Page("views/replay.py", title="Replay & compare", icon=":material/replay:"),
            st.Page("views/sql.py", title="SQL console", icon=":material/terminal:"),
        ],
    }
).run()
