"""What a page offers whose figures no filter changes: how often it looks, and in which zone."""

from __future__ import annotations

import streamlit as st

from dashboards import address, data
from dashboards.components.popover import popover


def refresh_bar() -> data.View:
    """Show the choice and return it; what the other pages' filter bar says stays as it is."""
    with (
        st.container(horizontal=True, vertical_alignment="center", key="looks"),
        popover("View", icon=":material/tune:"),
    ):
        tables = st.toggle("Charts as tables", key="tables", bind="query-params")
        refresh = st.selectbox(
            "Refresh every",
            list(address.REFRESHES),
            index=list(address.REFRESHES).index(address.DEFAULT_REFRESH),
            key="refresh",
            bind="query-params",
        )
        zone = st.selectbox(
            "Time zone",
            [address.BROWSER, *address.zones()],
            key="zone",
            bind="query-params",
        )
    said = {"tables": [str(tables).lower()], "refresh": [refresh], "zone": [zone]}
    return data.view(address.parse(said), st.context.timezone)
