"""The single calls that cost most, each a click from its prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboards import data_reliability as figures
from dashboards.components import format as fmt
from dashboards.components.grid import grid

if TYPE_CHECKING:
    from dashboards.data import View


def costliest_calls(shown: View) -> None:
    """List the ten calls of the range that cost most; a row opens what was asked and answered."""
    rows = figures.behind(shown, "costliest", {})
    if not rows:
        return
    with st.container(border=True):
        st.subheader("Calls that cost most", anchor=False)
        place = grid(
            {
                "Time": [f"{row['when']:%d %b %H:%M:%S}" for row in rows],
                "Model": [fmt.one_line(row["model"], 40) for row in rows],
                "User": [fmt.one_line(row["user_id"], 40) for row in rows],
                "Feature": [fmt.one_line(row["feature"], 40) for row in rows],
                "Latency": [fmt.duration(row["latency_ms"]) for row in rows],
                "Cost": [fmt.money(row["cost_usd"]) for row in rows],
            },
            names=("Time", "Model", "User", "Feature"),
            key="costliest",
            alt="The calls that cost most",
            picks=True,
        )
        st.caption("Select a row to read its prompt and answer.")
        if place is not None:
            row = rows[place]
            st.switch_page(
                "views/traces.py",
                query_params={"trace": row["trace_id"], "span": row["span_id"]},
            )
