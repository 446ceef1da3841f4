"""Buttons to newer and older pages of a list by keyset: a page begins behind an end."""

from __future__ import annotations

from typing import TypeVar

import streamlit as st

End = TypeVar("End")


def paging(pages: list[End | None], end: End | None, caption: str) -> None:
    """Show the buttons that there is a page for, and a caption.

    Args:
        pages: the ends behind which the pages up to this one begin, None for the first; changed.
        end: of this page; None if there is no older one.
        caption: plain words of ours.

    """
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(pages) > 1 and st.button("Newer", icon=":material/chevron_left:"):
            pages.pop()
            st.rerun()
        if end is not None and st.button("Older", icon=":material/chevron_right:"):
            pages.append(end)
            st.rerun()
        st.caption(caption)
