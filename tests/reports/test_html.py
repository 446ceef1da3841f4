"""One HTML file: whole, inert, escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from llmtrace.reports.html import to_html
from tests.reports.hostile import NAMES, a_hostile_document

VOID = {"meta"}
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "dl", "div", "dt",
    "dd", "table", "thead", "tbody", "tr", "th", "td", "bdi", "ul", "li",
}  # fmt: skip


class _Page(HTMLParser):
    """Tags, attributes and text of a page; fails if tags do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_it_holds_only_inert_tags_and_attributes() -> None:
    page = _Page(to_html(a_hostile_document()))

    assert set(page.tags) <= ALLOWED
    assert page.attributes == {"lang", "charset", "http-equiv", "content", "name", "class", "scope"}


def test_every_name_is_there_as_text() -> None:
    page = _Page(to_html(a_hostile_document()))

    assert [text for text in page.texts if text in NAMES] == [*NAMES, *NAMES]


def test_nothing_is_fetched_and_no_script_may_run() -> None:
    head = to_html(a_hostile_document()).split("</head>")[0]

    assert "default-src 'none'; style-src 'unsafe-inline'" in head
    assert not re.search(r"url\(|@import|https?:", head)


def test_it_is_light_and_dark_and_prints() -> None:
    head = to_html(a_hostile_document()).split("</head>")[0]

    assert "color-scheme: light dark" in head
    assert "prefers-color-scheme: dark" in head
    assert "@media print" in head
