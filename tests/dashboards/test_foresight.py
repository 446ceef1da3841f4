"""What may be looked at next is asked before it is: in a large store, what all would ask."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import streamlit as st

from dashboards import ahead, asking
from dashboards.components import foresight
from dashboards.page_asks import PAGES
from llmtrace.clock import FixedClock, SystemClock
from llmtrace.store.metrics import run_metrics
from tests.dashboards.opening import metrics, open_page
from tests.dashboards.seeding import fill, recently
from tests.store.calls import call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from dashboards.ahead import Look
    from llmtrace.store.metrics import MetricQuery
    from llmtrace.store.reading import Store

Seen = tuple[str, str, dict[str, tuple[str, ...]]]
UNFILTERED: dict[str, tuple[str, ...]] = {}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(asking, "_LARGE", 1)
    fill(tmp_path, [call(recently(), user_id=name) for name in ("ann", "bob", "bob")])
    st.cache_data.clear()
    return tmp_path


@pytest.fixture
def foreseen(monkeypatch: pytest.MonkeyPatch) -> list[Look]:
    """What was foreseen, in its order; it is asked at once."""
    found: list[Look] = []

    def at_once(looks: Callable[[], Iterable[Look]], *, for_s: float) -> None:
        assert 0 < for_s <= 300
        for look in looks():
            found.append(look)
            for each in look.asks:
                each(look.view)

    monkeypatch.setattr(ahead, "foresee", at_once)
    return found


def seen(looks: list[Look]) -> list[Seen]:
    return [(each.page, each.view.range, dict(each.view.choice.filters)) for each in looks]


@pytest.mark.parametrize("page", PAGES)
def test_other_ranges_and_other_pages_are_foreseen(
    home: Path, monkeypatch: pytest.MonkeyPatch, foreseen: list[Look], page: str
) -> None:
    assert not open_page(home, monkeypatch, page).exception

    others = [name for name in PAGES if name != page]
    assert seen(foreseen) == [
        (page, "24h", UNFILTERED),  # itself: of the next moment, when that comes
        (page, "7d", UNFILTERED),
        (page, "30d", UNFILTERED),
        (page, "24h", {"model": ("gpt-5",)}),
        *((name, "24h", UNFILTERED) for name in others),
    ]


def test_a_page_that_is_left_open_foresees_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, foreseen: list[Look]
) -> None:
    monkeypatch.setattr(foresight, "idle_s", lambda: 301.0)

    app = open_page(home, monkeypatch)
    app.session_state["filters-open"] = True
    app.run()

    assert not foreseen


def test_whoever_opens_a_page_or_chooses_is_not_idle(
    home: Path, monkeypatch: pytest.MonkeyPatch, foreseen: list[Look]
) -> None:
    app = open_page(home, monkeypatch)
    assert foreseen
    foreseen.clear()

    app.session_state["acted-at"] -= 301.0  # and now something is chosen
    app.run()

    assert foreseen


def test_open_filters_lead_to_one_more(
    home: Path, monkeypatch: pytest.MonkeyPatch, foreseen: list[Look]
) -> None:
    app = open_page(home, monkeypatch, "usage", {"user": "bob"})
    # Who looks at somebody has the next look to himself, until the filters are taken away.
    assert seen(foreseen) == [("usage", "24h", UNFILTERED)]
    foreseen.clear()

    app.session_state["filters-open"] = True
    app.run()

    assert not app.exception
    model = {"user": ("bob",), "model": ("gpt-5",)}
    assert seen(foreseen)[0] == ("usage", "24h", model)
    assert {name for each in seen(foreseen) for name in each[2]} == {
        "user", "model", "provider", "environment",
    }  # fmt: skip
    assert seen(foreseen)[-1] == ("usage", "24h", UNFILTERED)


def test_a_small_store_answers_at_once_anyway(
    home: Path, monkeypatch: pytest.MonkeyPatch, foreseen: list[Look]
) -> None:
    monkeypatch.setattr(asking, "_LARGE", 1_000)

    open_page(home, monkeypatch)

    assert not foreseen


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("later", [0, 30])
def test_a_page_that_was_foreseen_asks_for_no_figure(
    home: Path, monkeypatch: pytest.MonkeyPatch, page: str, later: int
) -> None:
    asked: list[MetricQuery] = []
    foreseen: list[Callable[[], Iterable[Look]]] = []

    def counted(store: Store, query: MetricQuery) -> object:
        asked.append(query)
        return run_metrics(store, query)

    monkeypatch.setattr(asking, "run_metrics", counted)
    monkeypatch.setattr(ahead, "foresee", lambda looks, **_: foreseen.append(looks))
    clock = FixedClock(SystemClock().now())  # all in one step
    monkeypatch.setattr(asking, "SystemClock", lambda: clock)
    open_page(home, monkeypatch, "usage" if page == "overview" else "overview")
    st.cache_data.clear()  # what the other page asked too
    asked.clear()
    with asking.as_if_later(timedelta(seconds=later)):
        for look in foreseen[-1]():
            if look.page == page and not look.view.choice.filters:
                for each in look.asks:
                    each(look.view)
    before = len(asked)
    clock.set(clock.now() + timedelta(seconds=later))

    assert not open_page(home, monkeypatch, page).exception

    assert before >= 6
    assert asked[before:] == []


def test_one_model_stands_for_all(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(home, [call(recently(), user_id="ann", request_model="o3", response_model="o3")])
    asked: list[MetricQuery] = []
    foreseen: list[Callable[[], Iterable[Look]]] = []

    def counted(store: Store, query: MetricQuery) -> object:
        asked.append(query)
        return run_metrics(store, query)

    monkeypatch.setattr(asking, "run_metrics", counted)
    monkeypatch.setattr(ahead, "foresee", lambda looks, **_: foreseen.append(looks))
    clock = FixedClock(SystemClock().now())
    monkeypatch.setattr(asking, "SystemClock", lambda: clock)
    open_page(home, monkeypatch)
    (look,) = (each for each in foreseen[-1]() if each.view.choice.filters)
    for each in look.asks:
        each(look.view)
    assert look.view.choice.filters == {"model": ("gpt-5",)}
    asked.clear()

    app = open_page(home, monkeypatch, "overview", {"model": "o3"})

    assert metrics(app)["Requests"] == "1"
    # By user the answer for all models would have a row for each user and model.
    start, end = look.view.scope.start, look.view.scope.end
    assert {each.by for each in asked if (each.start, each.end) == (start, end)} == {("user",)}
