"""Markdown in which nothing that a span says has a meaning."""

from __future__ import annotations

import re

from llmtrace.reports.markdown import to_markdown
from tests.reports.hostile import NAMES, a_hostile_document

CODE = re.compile(r"`[^`\n]*`")
ESCAPED = re.compile(r"\\[\\`*_\[\]<>|#~!&@]")


def test_every_row_has_as_many_cells_as_the_header() -> None:
    table = [line for line in to_markdown(a_hostile_document()).splitlines() if line[:1] == "|"]

    cells = {len(re.split(r"(?<!\\)\|", line)) for line in table}
    assert len(table) == len(NAMES) + 2
    assert cells == {len(a_hostile_document().columns) + 2}


def test_outside_of_code_nothing_is_a_tag_a_link_an_image_or_a_mention() -> None:
    text = to_markdown(a_hostile_document())

    bare = ESCAPED.sub("", CODE.sub("", text))
    assert not re.search(r"[<>\[\]!@`]|://|www\.", bare)


def test_what_most_is_told_can_be_read_in_the_raw_text() -> None:
    text = to_markdown(a_hostile_document())

    assert text.startswith("# LLM spend by tag.\\<b\\>team\n\n2026-11-11 00:00 to")
    assert "**Spent ≥ $7.00**" in text
    assert "- Cost: ≥ $7.00\n" in text
    assert "| `=HYPERLINK(1)` | $1.00 | 10.0% | new | 1 | 0 |" in text
    assert "| `a\\|b'c'\\|d` |" in text


def test_without_rows_there_is_no_table() -> None:
    text = to_markdown(a_hostile_document(rows=(), movers=()))

    assert "| :--" not in text
    assert "What changed most" not in text
