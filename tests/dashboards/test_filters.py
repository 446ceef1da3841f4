"""The filter bar: what the URL says is shown; what it cannot mean is said, never a fault."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from dashboards.address import NAMES, Choice
from dashboards.components import filters, states
from tests.dashboards.opening import as_markdown, column, metrics, open_page, texts
from tests.dashboards.seeding import fill, recently
from tests.store.calls import call

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dashboards.figures import View

HOSTILE = (
    "<img src=x onerror=alert(1)>![x](http://evil.example/x.png)",
    "\x00\u202e\x1b[31m",
    "' or 1=1; drop table spans --",
    "x" * 5_000,
    "nan",
)


@pytest.mark.parametrize("view", ["overview", "traces"])
@pytest.mark.parametrize("text", HOSTILE)
def test_any_url_shows_a_clear_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: str, text: str
) -> None:
    fill(tmp_path, [call(recently(), user_id="ann")])

    app = open_page(
        tmp_path, monkeypatch, view, dict.fromkeys([*NAMES, "q", "status", "cost"], text)
    )

    assert not app.exception
    assert not text or text not in as_markdown(app)
    assert not {"\u202e", "\x1b"}.intersection(texts(app))


def test_what_the_link_got_wrong_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, [call(recently())])

    app = open_page(tmp_path, monkeypatch, query={"range": "fortnight", "zone": "Mars/Base"})

    assert "range='fortnight' is not known; the default is shown." in texts(app)
    assert "zone='Mars/Base' is not known; the default is shown." in texts(app)
    assert metrics(app)["Requests"] == "1"


@pytest.mark.parametrize("view", ["overview", "traces"])
def test_a_tag_in_the_url_narrows_every_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    at = recently()
    fill(tmp_path, [call(at, user_id="ann", tags={"team": "core", "tier": "a"}),
                    call(at, user_id="bob", tags={"team": "infra"}),
                    call(at, user_id="cyd")])  # fmt: skip

    app = open_page(tmp_path, monkeypatch, view, {"tag": "team=core"})

    assert not app.exception
    assert column(app, "User") == ["ann"]
    assert "Tag team: core" in texts(app)


def test_days_of_ones_own_are_whole_days_of_the_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight = datetime.fromisoformat("2026-11-10T00:00:00+13:00")  # in Auckland
    fill(tmp_path, [call(midnight - timedelta(seconds=1)), call(midnight),
                    call(midnight + timedelta(hours=23, minutes=59)),
                    call(midnight + timedelta(days=1))])  # fmt: skip

    days = ["2026-11-10", "2026-11-10"]
    query = {"range": "Custom", "days": days, "zone": "Pacific/Auckland"}
    app = open_page(tmp_path, monkeypatch, query=query)

    assert not app.exception
    assert metrics(app)["Requests"] == "2"


def test_charts_are_tables_for_who_wants_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [call(recently(), request_model="<b>bold</b>")])

    app = open_page(tmp_path, monkeypatch, query={"tables": "true"})

    shown = [str(element.proto.body) for element in app.get("html")]
    (table,) = [text for text in shown if "<table>" in text]
    assert "<caption>Cost over time, stacked by model</caption>" in table
    assert "&lt;b&gt;bold&lt;/b&gt;" in table
    assert "<b>" not in table
    assert "$0.01" in table


def test_nothing_is_compared_for_who_does_not_want_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = recently()
    fill(tmp_path, [call(at), call(at), call(at - timedelta(days=1))])

    compared = open_page(tmp_path, monkeypatch)
    alone = open_page(tmp_path, monkeypatch, query={"compare": "false"})

    (before,) = [card.delta for card in compared.metric if card.label == "Requests"]
    (after,) = [card.delta for card in alone.metric if card.label == "Requests"]
    assert (before, after) == ("+100%", "")
    assert all("Change" not in table.value.columns for table in alone.dataframe)


def test_clearing_shows_everything_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, [call(recently(), user_id=name) for name in ("ann", "bob")])
    app = open_page(tmp_path, monkeypatch, query={"user": "ann"})

    app.button(key="clear").click().run()

    assert metrics(app)["Requests"] == "2"
    assert "Only" not in texts(app)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was drawn of a page, in the order in which it was: the bar, or the figures of whom."""
    order: list[str] = []
    bar, live = filters._bar, states.live

    def bar_drawn() -> Choice:
        order.append("bar")
        return bar()

    def figures_drawn(
        shown: View, draw: Callable[[View], None], *, is_summary: bool = False
    ) -> None:
        order.append(f"{shown.range} {','.join(shown.scope.users)}")
        live(shown, draw, is_summary=is_summary)

    monkeypatch.setattr(filters, "_bar", bar_drawn)
    monkeypatch.setattr(states, "live", figures_drawn)
    return order


@pytest.fixture
def two_users(tmp_path: Path) -> Path:
    fill(tmp_path, [call(recently(), user_id=name) for name in ("ann", "bob", "bob")])
    return tmp_path


def test_figures_come_before_the_bar_where_it_is_known_what_it_says(
    two_users: Path, monkeypatch: pytest.MonkeyPatch, drawn: list[str]
) -> None:
    app = open_page(two_users, monkeypatch, query={"user": "ann"})
    assert metrics(app)["Requests"] == "1"
    app.multiselect(key="user").set_value(["bob"]).run()
    assert metrics(app)["Requests"] == "2"
    app.session_state["range"] = "7d"
    app.run()

    assert not app.exception
    assert metrics(app)["Requests"] == "2"
    assert drawn == ["bar", "24h ann", "24h bob", "bar", "7d bob", "bar"]


def test_of_a_range_of_ones_own_the_bar_tells(
    two_users: Path, monkeypatch: pytest.MonkeyPatch, drawn: list[str]
) -> None:
    days = ["2026-11-10", "2026-11-10"]
    app = open_page(two_users, monkeypatch, query={"range": "Custom", "days": days})
    app.run()

    assert drawn == ["bar", "Custom "] * 2


def test_figures_are_what_the_bar_says_whatever_was_known_before(
    two_users: Path, monkeypatch: pytest.MonkeyPatch, drawn: list[str]
) -> None:
    app = open_page(two_users, monkeypatch, query={"user": "ann"})
    known = filters._said_before

    def wrong() -> Choice | None:
        said = known()
        return None if said is None else Choice(filters={"user": ("bob",)})

    monkeypatch.setattr(filters, "_said_before", wrong)
    app.run()

    assert metrics(app)["Requests"] == "1"
    assert drawn == ["bar", "24h ann", "24h bob", "bar", "bar", "24h ann"]
