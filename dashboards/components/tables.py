"""A table that screen readers read and browsers search: HTML in which no text can be markup. Pure.

Streamlit's own ``st.table`` renders Markdown in its cells, and a Markdown image would call home;
its data grid is a picture. Here every cell goes through ``plain`` and is escaped.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from dashboards.components.format import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ROWS: Final = 500
"""Rows shown; a last line says how many more there are."""


def html_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str) -> str:
    """Return a table whose first column names its rows; the others are figures, to the right."""
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in columns)
    body = "".join(_row(row) for row in rows[:MAX_ROWS])
    left_out = len(rows) - MAX_ROWS
    more = f"<p>{left_out:,} more rows are not shown.</p>" if left_out > 0 else ""
    return (
        f'<div class="figures" tabindex="0" role="region" aria-label="{_text(caption)}">'
        f"<table><caption>{_text(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}</div>"
    )


def _row(cells: Sequence[str]) -> str:
    first, *others = cells
    figures = "".join(f"<td>{_text(cell)}</td>" for cell in others)
    return f'<tr><th scope="row">{_text(first)}</th>{figures}</tr>'


def _text(value: str) -> str:
    return escape(one_line(value, 200))
