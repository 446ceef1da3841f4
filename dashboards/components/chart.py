"""A chart, with a text for who cannot see it; or its figures as a table, if the viewer wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboards.components.arrow import show_chart
from dashboards.components.tables import html_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards import data

Table = tuple["Sequence[str]", "Sequence[Sequence[str]]"]
"""Names of the columns, and the rows as text; the first column names the row."""


def chart(shown: data.View, spec: Mapping[str, Any], table: Table, *, key: str, alt: str) -> None:
    """Show a Vega-Lite chart; ``alt`` says in words what it shows, and titles the table."""
    columns, rows = table
    if shown.choice.tables:
        st.html(html_table(columns, rows, caption=alt))
    else:
        show_chart(spec, key=key, alt=alt)
