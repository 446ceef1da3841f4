"""The filter bar of every page: range and dimensions, kept in the URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards import data
from dashboards.components.format import one_line, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

_LABELS: Final = {
    "environment": "Environment",
    "provider": "Provider",
    "model": "Model",
    "user": "User",
    "feature": "Feature",
    "tenant": "Tenant",
}


def filter_bar() -> data.View:
    """Show the bar and return what it says: range, grain, time zone and scope."""
    with st.container(horizontal=True, vertical_alignment="center", key="filters"):
        span = st.segmented_control(
            "Range",
            list(data.RANGES),
            default="24h",
            required=True,
            key="range",
            bind="query-params",
            label_visibility="collapsed",
        )
        with st.popover("Filters", icon=":material/filter_alt:"):
            chosen = {name: _choice(name) for name in _LABELS}
    zone = st.context.timezone or "UTC"
    view = data.view(span or "24h", chosen, zone)
    _chips(chosen)
    return view


def _choice(name: str) -> tuple[str, ...]:
    picked = st.multiselect(
        _LABELS[name],
        data.known_values(name),
        format_func=lambda value: one_line(value, 60),
        key=name,
        bind="query-params",
        # A link may name a value that is not among the most frequent.
        accept_new_options=True,
    )
    return tuple(picked)


def _chips(chosen: Mapping[str, tuple[str, ...]]) -> None:
    active = [
        f"{_LABELS[name]}: {plain(', '.join(values), 120)}"
        for name, values in chosen.items()
        if values
    ]
    if active:
        with st.container(key="chips"):
            st.text("Only  " + "  ·  ".join(active))
