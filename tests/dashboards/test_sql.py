"""SQL console: rows to their last digit, errors with their mark, nothing of a row rendered."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from dashboards import data_sql
from dashboards.access import NotAllowedError, Viewer, acting_as
from dashboards.data_sql_chart import KINDS
from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.store import open_store
from llmtrace.store.saved_queries import QUERIES_FILE, saved_queries
from llmtrace.store.upkeep_queries import latest_audit
from llmtrace.store.view_docs import VIEWS
from tests.dashboards.opening import as_markdown, column, open_page, texts
from tests.dashboards.seeding import fill
from tests.dashboards.test_overview import HOSTILE
from tests.store.calls import NOON, call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from llmtrace.store.console import Answer, ConsoleQuery

BY_MODEL = """select model, count(*) as requests, sum(cost_usd) as cost_usd
from llm_calls group by model order by model"""
BY_HAND: list[dict[str, Any]] = []
"""What that is, asked before the page is opened."""
ENDLESS = "select levenshtein(repeat('a', 400000), repeat('b', 400000))"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a home with a running collector, and calls whose money has many digits."""
    folder = tmp_path_factory.mktemp("home")
    fill(
        folder,
        [
            call(NOON - timedelta(minutes=number), request_model=f"m{number % 3}",
                 tenant="acme", cost_usd=Decimal("0.000000000001") * (number + 1))
            for number in range(30)
        ]
        + [call(NOON, request_model="none-yet", cost_usd=None, cost_source="unpriced")],
    )  # fmt: skip
    BY_HAND[:] = open_store(folder).sql(BY_MODEL).to_pylist()
    with Collector(load_settings({}, home=folder), port=0):
        yield folder


@pytest.fixture(autouse=True)
def at_home(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMTRACE_HOME", str(shop))


@pytest.fixture(scope="module")
def app(shop: Path) -> Iterator[AppTest]:
    """Give one visitor's page; a test brings it where it wants it."""
    with pytest.MonkeyPatch.context() as patch:
        yield open_page(shop, patch, "sql")


def ran(app: AppTest, text: str, **choices: int) -> Answer:
    """Write a query, press Run, and wait until the page shows how it ended."""
    app.text_area(key="sql-text").set_value(text)
    for name, value in choices.items():
        app.selectbox(key=f"sql-{name}").set_value(value)
    app.button(key="sql-go").click().run()
    query: ConsoleQuery = app.session_state["sql-run"]
    answer = query.wait(40)
    assert answer is not None
    app.run()
    assert not app.exception
    return answer


def answer_table(app: AppTest) -> list[dict[str, Any]]:
    return [
        {str(name): value for name, value in row.items()}
        for row in app.dataframe[-1].value.to_dict("records")
    ]


def test_rows_are_what_the_store_says_to_the_last_digit(app: AppTest) -> None:
    ran(app, BY_MODEL)

    assert answer_table(app) == [
        {
            "model": row["model"],
            "requests": str(row["requests"]),
            "cost_usd": "–" if row["cost_usd"] is None else f"{row['cost_usd']:f}",
        }
        for row in BY_HAND
    ]
    assert answer_table(app)[0]["cost_usd"] == "0.000000000145"
    assert "4 rows in " in texts(app)
    assert app.query_params["q"] == BY_MODEL


def test_a_query_is_in_the_audit_without_its_values_and_if_long_not_in_the_url(
    app: AppTest, shop: Path
) -> None:
    ran(app, "select 1 from llm_calls where user_id = 'somebody' --" + "x" * 1_500)

    (row,) = latest_audit(open_store(shop), "sql", limit=1)
    assert json.loads(row["arguments"])["query"] == "select ? from llm_calls where user_id = ?"
    assert json.loads(row["outcome"]) == {"rows": 0}
    assert "No row answers this query." in as_markdown(app)
    assert "q" not in app.query_params


def test_what_the_cap_leaves_off_is_said(app: AppTest) -> None:
    ran(app, "from range(101)", rows=100)

    assert len(answer_table(app)) == 100
    assert "Capped at 100: there are more rows" in as_markdown(app)
    app.selectbox(key="sql-rows").set_value(1_000).run()


def test_an_error_is_text_with_its_place_marked(app: AppTest) -> None:
    ran(app, "select *\nfrom llm_cals")

    assert "LINE 2: from llm_cals\n             ^" in app.code[-1].value
    assert "No answer" in as_markdown(app)


def test_a_running_query_is_shown_and_can_be_cancelled(app: AppTest) -> None:
    app.text_area(key="sql-text").set_value(ENDLESS)
    app.button(key="sql-go").click().run()
    assert "s of 30 s at most" in texts(app)
    query: ConsoleQuery = app.session_state["sql-run"]

    app.button(key="sql-cancel").click().run()
    ended = query.wait(20)
    app.run()

    assert ended is not None
    assert "the query was cancelled" in app.code[-1].value


def test_a_second_run_ends_the_first(app: AppTest) -> None:
    app.text_area(key="sql-text").set_value(ENDLESS)
    app.button(key="sql-go").click().run()
    first: ConsoleQuery = app.session_state["sql-run"]

    second = ran(app, "select 7 as n")

    ended = first.wait(20)
    assert ended is not None
    assert ended.error == "the query was cancelled"
    assert second.error is None
    assert answer_table(app) == [{"n": "7"}]


def test_the_tree_is_the_documentation_of_the_views(app: AppTest) -> None:
    assert app.selectbox(key="sql-view").options == list(VIEWS)
    app.selectbox(key="sql-view").set_value("unpriced").run()

    shown = dict(zip(column(app, "Column"), column(app, "Means"), strict=True))
    assert shown == VIEWS["unpriced"][1]
    app.button(key="sql-look").click().run()
    assert app.text_area(key="sql-text").value == "from unpriced\nlimit 100"


def test_an_example_goes_into_the_editor(app: AppTest) -> None:
    app.button(key="sql-example-0").click().run()

    assert "sum(cost_usd) as cost_usd" in (app.text_area(key="sql-text").value or "")


def test_a_link_fills_the_editor_runs_nothing_and_hides_no_character(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(shop, monkeypatch, "sql", {"q": "select 'sent by mail' --\u202e"})

    assert app.text_area(key="sql-text").value == "select 'sent by mail' --\u202e"
    assert "sql-run" not in app.session_state
    assert "Characters that cannot be seen are in this query" in as_markdown(app)
    assert any("--\\u202e" in code.value for code in app.code)


def test_a_damaged_file_of_saved_queries_takes_only_their_menu_and_a_link_to_one_is_said(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / QUERIES_FILE).write_text("{")
    app = open_page(shop, monkeypatch, "sql", {"saved": "**gone**"})
    (shop / QUERIES_FILE).unlink()

    assert not app.exception
    assert "move it away" in texts(app)
    assert "No saved query is called **gone**" in texts(app)
    assert "**gone**" not in as_markdown(app)
    assert app.text_area(key="sql-text")


def test_who_may_see_some_tenants_only_cannot_ask() -> None:
    acme = Viewer(name="ann", tenants=frozenset({"acme"}))

    with acting_as(acme), pytest.raises(NotAllowedError):
        data_sql.begin("select 1", max_rows=1, timeout_s=1)
    with acting_as(acme), pytest.raises(NotAllowedError):
        data_sql.views()


def test_a_query_is_saved_replaced_opened_by_its_link_and_deleted(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(shop, monkeypatch, "sql")
    app.text_area(key="sql-text").set_value("select 1")
    app.text_input(key="sql-name").set_value("first").run()
    app.button(key="sql-save").click().run()
    assert app.query_params["saved"] == "first"
    app.text_area(key="sql-text").set_value("select 2").run()
    assert app.button(key="sql-save").label == "Replace it"
    app.button(key="sql-save").click().run()

    (kept,) = saved_queries(shop)
    assert (kept.name, kept.text) == ("first", "select 2")
    assert (shop / QUERIES_FILE).stat().st_mode & 0o777 == 0o600
    linked = open_page(shop, monkeypatch, "sql", {"saved": "first"})
    assert linked.text_area(key="sql-text").value == "select 2"

    linked.button(key="sql-delete").click().run()
    assert saved_queries(shop) == [kept]  # asked first
    linked.button(key="sql-delete-for-good").click().run()
    assert saved_queries(shop) == []
    assert not linked.exception


def test_hostile_rows_are_never_rendered_in_any_chart_or_table(app: AppTest) -> None:
    rows = ", ".join("('" + text.replace("'", "''") + "', 1)" for text in HOSTILE)
    ran(app, f'from (values {rows}) as t("![x](http://evil)", "<b>n")')
    app.segmented_control(key="sql-look-as").set_value("chart").run()
    (key,) = [str(each.key) for each in app.selectbox if str(each.key).endswith("-kind")]

    drawn = [mark(app.selectbox(key=key).set_value(kind).run()) for kind in KINDS]
    rendered = as_markdown(app)
    app.segmented_control(key="sql-look-as").set_value("rows").run()
    rendered += as_markdown(app)

    assert drawn == list(KINDS)
    for text in (*HOSTILE, "![x](http://evil)"):
        assert text not in rendered
    shown = str(answer_table(app))
    assert not {"\u202e", "\u2066", "\x1b"}.intersection(shown)
    assert "![x](http://evil)" in shown


def mark(app: AppTest) -> str:
    """Return the kind of the chart that is shown."""
    assert not app.exception
    (chart,) = app.get("vega_lite_chart")
    return json.loads(chart.proto.spec)["mark"]["type"]
