"""What is said above sums of money of which a part has no price, and how to give it one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards import data, data_cost
from dashboards.components import format as fmt

if TYPE_CHECKING:
    from dashboards.data import View

_LISTED: Final = 5


def unpriced_banner(shown: View) -> None:
    """Name the models without a price, with the lines of prices.yaml that would price them."""
    models = data.unpriced_models(shown)
    if not models:
        return
    calls = fmt.plural(sum(count for _, count in models), "call")
    names = ", ".join(fmt.one_line(model, 40) for model, _ in models[:_LISTED])
    more = f" and {len(models) - _LISTED} more" if len(models) > _LISTED else ""
    with st.container(border=True, key="banner"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(f"{calls} unpriced", icon=":material/money_off:", color="orange")
            st.text(f"No price is known for {names}{more}: spend shown is a lower bound.")
        lines = data_cost.fixes(shown, tuple(model for model, _ in models))
        if lines:
            st.text("Put into prices.yaml, with dollars for each “?”, then: llmtrace reprice")
            shown_lines = (fmt.plain(line, 500) for line in lines[:_LISTED])
            st.code("\n".join(shown_lines), language=None)
