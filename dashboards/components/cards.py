"""Cards of a page: a title, beside it a choice of what is shown, and whatever the page puts in."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

Name = TypeVar("Name", bound=str)


@contextmanager
def choosing_card(
    title: str,
    label: str,
    options: Mapping[Name, str],
    *,
    key: str,
    default: Name | None = None,
    stretch: bool = False,
    in_url: bool = False,
) -> Generator[Name, None, None]:
    """Open a card whose viewer chooses among ``options`` (value → what is written); yields it.

    ``label`` says to screen readers what is chosen; ``default`` is the first option if None;
    ``stretch`` makes the card as high as its neighbour; ``in_url`` keeps the choice in the URL,
    under ``key``.
    """
    names = list(options)
    with st.container(border=True, height="stretch" if stretch else "content"):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.subheader(title, anchor=False, width="content")
            picked = st.segmented_control(
                label,
                names,
                default=default or names[0],
                required=True,
                format_func=options.__getitem__,
                key=key,
                bind="query-params" if in_url else None,
                label_visibility="collapsed",
            )
        yield picked or default or names[0]
