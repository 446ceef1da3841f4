"""Every page on stores that are empty, tiny, huge, hostile or gone: a clear state, and no error.

What a page says of its own figures is in the page's own test.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest
import streamlit as st

from dashboards.components.popover import WAY_IN
from llmtrace.collector import Collector
from llmtrace.config import load_settings
from tests.dashboards.alerting import held_open
from tests.dashboards.opening import as_markdown, open_page, texts
from tests.dashboards.seeding import fill, recently
from tests.end_to_end.rich_store import HOSTILE, HOSTILE_SPAN, HOSTILE_TRACE, hostile_calls
from tests.store.calls import call, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from llmtrace.otlp.rows import SpanRow

ALL: Final = (
    "overview", "cost", "reliability", "usage", "cache", "budgets", "traces", "sessions",
    "alerts", "replay", "sql", "savings", "what_if", "system",
)  # fmt: skip
WITHOUT_CALLS: Final = frozenset({"alerts", "budgets", "system"})
"""Have something to show before there is any call."""
OF_CALLS: Final = tuple(page for page in ALL if page not in WITHOUT_CALLS)
STAYED: Final = ("overview", "traces", "system")
"""One of each kind of page: the metric layer's, the searches', the collector's own."""
UNUSABLE: Final = frozenset({"Waiting for the first call", "The store cannot be read"})
SLOWEST_S: Final = 20
"""On a machine with much else to do; a page takes about one."""
WIDE: Final = b"\x0b" * 16
HOSTILE_SESSION: Final = HOSTILE


def huge(at: datetime) -> list[SpanRow]:
    """Return calls of 200 models and 10 000 users, a trace of 3 000 spans, messages of 1 MB."""
    rows = [
        call(at - minutes(number % 1_400), user_id=f"user-{number}", feature=f"f{number % 9}",
             request_model=f"model-{number % 200}", cost_usd=Decimal(number) / 1_000_000,
             session_id=f"s{number % 500}", tags={"number": str(number % 300)})
        for number in range(10_000)
    ]  # fmt: skip
    rows += [
        call(at + timedelta(milliseconds=number), trace_id=WIDE, span_id=number + 1,
             parent_span_id=number // 3 or None, is_inference=number % 7 == 0, user_id="wide")
        for number in range(3_000)
    ]  # fmt: skip
    long = json.dumps({"messages": [{"role": "user", "content": "word " * 200_000}]})
    rows.append(call(at, trace_id=b"\x0c" * 16, span_id=0x1AB, session_id="long", user_id="long",
                     api="openai.chat", request_body=long))  # fmt: skip
    return rows


STORES: Final = {
    "one row, no price": lambda at: [call(at, cost_usd=None, cost_source="unpriced")],
    "hostile": hostile_calls,
    "huge": huge,
}
MORE: Final[dict[str, list[tuple[str, dict[str, str]]]]] = {
    "hostile": [
        ("traces", {"trace": HOSTILE_TRACE, "span": HOSTILE_SPAN}),
        ("sessions", {"session": HOSTILE_SESSION}),
        ("replay", {"call": HOSTILE_SPAN}),
    ],
    "huge": [
        ("traces", {"trace": WIDE.hex()}),
        ("traces", {"trace": "0c" * 16, "span": f"{0x1AB:016x}"}),
        ("sessions", {"session": "long"}),
        ("replay", {"call": f"{0x1AB:016x}"}),
    ],
}
"""Pages that look at one of a store's things, beside all pages."""


@pytest.fixture(scope="module", params=STORES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
          ) -> Iterator[tuple[str, Path]]:  # fmt: skip
    home = tmp_path_factory.mktemp("store")
    fill(home, STORES[request.param](recently()))
    with held_open(home):
        yield request.param, home


def check(app: AppTest, name: str) -> None:
    assert not app.exception
    assert not app.error
    assert not UNUSABLE.intersection(each.value for each in app.subheader)
    if name == "hostile":
        assert "evil.invalid" not in as_markdown(app)
        assert not {"\u202e", "\u2066", "\x1b"}.intersection(texts(app))
        for element in app.get("html"):
            runs = element.proto.unsafe_allow_javascript
            assert runs == (element.proto.body == WAY_IN)
            assert "<img" not in element.proto.body
            assert runs or "<script" not in element.proto.body


def test_every_page_is_drawn_in_a_bounded_time(
    store: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, home = store
    looks: list[tuple[str, dict[str, str]]] = [(page, {}) for page in ALL] + MORE.get(name, [])
    for page, query in looks:
        began = time.monotonic()

        app = open_page(home, monkeypatch, page, dict[str, Any](query))

        assert time.monotonic() - began < SLOWEST_S, (page, query)
        check(app, name)


def test_every_page_of_an_empty_store_says_how_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for page in ALL:
        app = open_page(tmp_path, monkeypatch, page)

        assert not app.exception, page
        if page in OF_CALLS:
            assert app.subheader[0].value == "Waiting for the first call", page
            assert "llmtrace.instrument()" in app.code[0].value, page


def test_a_collector_that_goes_away_mid_page_and_comes_back_changes_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [call(recently())])
    settings = load_settings({}, home=tmp_path)
    with Collector(settings, port=0):
        apps = {page: open_page(tmp_path, monkeypatch, page) for page in STAYED}
    run_again(apps)
    with Collector(settings, port=0):
        run_again(apps)


def run_again(apps: Mapping[str, AppTest]) -> None:
    # What was asked before is not an answer now.
    st.cache_data.clear()
    for page, app in apps.items():
        app.run()

        assert not app.exception, page
        assert not UNUSABLE.intersection(each.value for each in app.subheader), page
