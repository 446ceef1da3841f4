"""The way back from one thing to the list it was picked from, as the list was.

Streamlit forgets widgets, and their part of the URL, while they are not shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboards.address import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence


def keep_list(page: str, names: Sequence[str]) -> None:
    """Remember a page's list: the filter bar, and the parameters in ``names``."""
    listed = (*NAMES, *names)
    st.session_state[_key(page)] = (
        {name: st.query_params.get_all(name) for name in listed if name in st.query_params},
        {name: st.session_state[name] for name in listed if name in st.session_state},
    )


def back_to_list(page: str, names: Sequence[str]) -> None:
    """Show the list again, without the parameters in ``names``; in a callback only."""
    said, shown = st.session_state.get(_key(page), ({}, {}))
    for name in names:
        st.query_params.pop(name, None)
    for name, values in said.items():
        st.query_params[name] = values
    for name, value in shown.items():
        st.session_state[name] = value


def _key(page: str) -> str:
    return f"{page}-list"
