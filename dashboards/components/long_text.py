"""Untrusted text of any length: its beginning, how much there is, and all of it by a click."""

from __future__ import annotations

from typing import Final

import streamlit as st

from dashboards.components.format import plain

MOST: Final = 2_000_000
"""Characters shown after the click; a browser shows no more with comfort."""


def long_text(
    text: object, limit: int, *, key: str, is_code: bool = False, language: str | None = None
) -> None:
    """Show text up to ``limit`` characters, and a button for the rest.

    ``key`` tells it from other texts of the page; ``is_code`` shows it as code.
    """
    whole = str(text)
    is_open = f"{key}-whole"
    shown = MOST if st.session_state.get(is_open) else limit
    _show(plain(whole, shown), is_code=is_code, language=language)
    if len(whole) <= shown:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{shown:,} of {len(whole):,} characters are shown.")
        if shown < MOST and st.button("Show all", key=f"{key}-more", type="tertiary"):
            st.session_state[is_open] = True
            st.rerun()


def _show(text: str, *, is_code: bool, language: str | None) -> None:
    if is_code:
        st.code(text, language=language, wrap_lines=True)
    else:
        st.text(text)
