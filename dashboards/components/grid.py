"""Tables of figures on a page, every cell of them plain text; a row may be picked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import streamlit as st

from dashboards.components.arrow import show_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def grid(
    columns: Mapping[str, Sequence[str]],
    *,
    names: Sequence[str],
    alt: str,
    key: str,
    picks: bool = False,
    height: int | Literal["content"] = "content",
) -> int | None:
    """Show columns of text, those in ``names`` to the left and figures to the right.

    ``height`` in pixels makes a long table scroll. Returns the place of the row that is picked, if
    ``picks`` and one is.
    """
    config = {
        name: st.column_config.TextColumn(alignment="right")
        for name in columns
        if name not in names
    }
    picking = {"on_select": "rerun", "selection_mode": "single-row"} if picks else {}
    picked = show_table(
        columns, height=height, row_height=34, column_config=config, key=key, alt=alt, **picking
    )
    return picked[0] if picked else None
