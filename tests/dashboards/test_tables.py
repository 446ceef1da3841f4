"""A table for screen readers holds figures and no markup but its own."""

from __future__ import annotations

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from dashboards.components.tables import MAX_ROWS, html_table

OURS = re.compile(
    r"</?(?:div|table|thead|tbody|tr|td|th|caption|p)"
    r"(?: (?:class|tabindex|role|scope)=\"\w+\"| aria-label=\"[^\"<>]*\")*>"
)


@given(st.text(min_size=1))
def test_no_text_is_markup(text: str) -> None:
    table = html_table(["Name", text], [[text, text]], caption=text)

    assert not set("<>").intersection(OURS.sub("", table))


def test_a_cell_reads_as_it_was_written() -> None:
    table = html_table(["Model", "Cost"], [['a<b & "c"', "$1.00"]], caption="Cost")

    assert unescape(table).count('a<b & "c"') == 1
    assert "<td>$1.00</td>" in table


def test_what_is_left_out_is_said() -> None:
    table = html_table(["Day"], [[str(number)] for number in range(MAX_ROWS + 7)], caption="Days")

    assert "7 more rows are not shown." in table
    assert str(MAX_ROWS + 6) not in table
