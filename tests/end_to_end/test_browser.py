"""Two journeys in a real Chromium: the spend is what SQL says; a trace is opened and read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboards.components.format import spent
from llmtrace.store import DATABASE_FILE, Writer, open_store
from tests.dashboards.faulty_collector import faulty_collector
from tests.dashboards.seeding import ANSWER, QUESTION, busy_day, conversation_trace, fill, recently
from tests.end_to_end.browsing import browser, dashboard, watch
from tests.store.calls import call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
]


@pytest.fixture
def chrome(chromium: str) -> Iterator[Browser]:
    with browser() as launched:
        yield launched


def fire(home: Path) -> None:
    """Let an alert about Ann's calls fire since an hour."""
    with Writer(home / DATABASE_FILE) as writer:
        writer.transaction(
            lambda transaction: transaction.execute(
                "insert into alert_instances values ('0123456789abcdef', 'slow', 'Slow answers', "
                "'critical', map {'user': 'ann'}, null, 'firing', now()::timestamp - interval 1 "
                "hour, now()::timestamp - interval 1 hour, null, 9, 2, now()::timestamp, "
                "'0123456789abcdef-1', 'p95 is 9 s')"
            )
        )


def test_overview_shows_the_spend_that_sql_shows_and_an_alert_leads_to_its_traces(
    tmp_path: Path, chrome: Browser
) -> None:
    fill(tmp_path, busy_day(datetime.now(UTC)))
    fire(tmp_path)
    with dashboard(tmp_path) as url:
        shown = watch(chrome, url)
        shown.open("/?range=7d")
        cards = shown.page.locator("[data-testid=stMetric]")
        month = cards.filter(has_text="Month to date").locator("[data-testid=stMetricValue]")
        month.wait_for()
        shown.page.locator("[data-testid=stVegaLiteChart] .mark-rect path").first.wait_for()

        (row,) = (
            open_store(tmp_path)
            .sql(
                "select sum(cost_usd) as cost, count(*) filter (where is_unpriced) as unpriced "
                "from llm_calls "
                "where start_time >= date_trunc('month', now()::timestamp)"
            )
            .to_pylist()
        )
        assert month.inner_text() == spent(row["cost"], row["unpriced"])

        # The filter of the overview goes along to the alert, not to the alert's own calls.
        shown.page.get_by_role("button", name="Open alert").click()
        shown.page.get_by_role("button", name="Open traces").click()
        shown.page.wait_for_url(re.compile(r"/traces\?.*user=ann"))
        shown.page.get_by_text("User: ann").wait_for()
        assert re.search(r"range=Custom", shown.page.url)
        shown.assert_clean()


def test_a_range_is_dragged_a_value_picked_and_a_trace_opened_and_read(
    tmp_path: Path, chrome: Browser
) -> None:
    # In the middle of what is dragged over, whatever the minute of the hour.
    fill(tmp_path, conversation_trace(recently() - timedelta(hours=3)))
    with dashboard(tmp_path) as url:
        shown = watch(chrome, url)
        page = shown.page
        shown.open("/traces")
        _drag_over_bars(page)
        page.wait_for_url(re.compile("range=Custom"))
        page.locator(".st-key-zoomed").wait_for()
        shown.settle()
        # A grid is a canvas: the boxes that select its rows are at its left edge. The first has
        # what the search can be narrowed by, failed traces before all, for there are no others.
        _click_in_grid(page, 0, 35 + 15)
        page.wait_for_url(re.compile("q=status"))
        shown.settle()
        listed = parse_qs(urlsplit(page.url).query)
        assert listed["q"] == ["status:error"]
        assert listed["from"] < listed["to"]

        _click_in_grid(page, 1, 35 + 17)
        page.get_by_text("answer customer").first.wait_for()
        assert re.search(r"[?&]trace=5ca1ab1e", page.url)

        page.locator("[data-testid=stSelectbox] [role=combobox], [data-testid=stSelectbox] input")\
            .first.click()  # fmt: skip
        page.get_by_role("option", name=re.compile(r"^4\. chat gpt-5")).click()
        page.get_by_text(ANSWER).first.wait_for()

        assert page.get_by_text(QUESTION).first.is_visible()
        assert re.search(r"[?&]span=0{15}4", page.url)

        page.get_by_role("button", name="All traces").click()
        page.wait_for_url(re.compile("q=status"))
        shown.settle()
        assert parse_qs(urlsplit(page.url).query) == listed
        shown.assert_clean()


def _drag_over_bars(page: Page) -> None:
    bars = page.locator("[data-testid=stVegaLiteChart]")
    bars.locator("[aria-roledescription=bar]").first.wait_for(state="attached")
    box = bars.bounding_box()
    assert box is not None
    height = box["y"] + box["height"] * 0.6
    page.mouse.move(box["x"] + box["width"] * 0.5, height)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.98, height, steps=6)
    page.mouse.up()


def _click_in_grid(page: Page, number: int, height: int) -> None:
    grid = page.locator("[data-testid=stDataFrame]").nth(number)
    grid.wait_for()
    box = grid.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 16, box["y"] + height)


def test_a_failed_call_leads_to_its_trace(tmp_path: Path, chrome: Browser) -> None:
    fill(tmp_path, conversation_trace(recently()))
    with dashboard(tmp_path) as url:
        shown = watch(chrome, url)
        page = shown.page
        shown.open("/")
        errors = page.locator("[data-testid=stDataFrame]").nth(1)
        errors.scroll_into_view_if_needed()
        box = errors.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 16, box["y"] + 35 + 17)

        page.get_by_text("HTTP 429").first.wait_for()

        assert re.search(r"/traces\?.*trace=5ca1ab1e", page.url)
        shown.assert_clean()


def test_a_link_to_a_span_opens_it_and_hostile_text_calls_nobody(
    tmp_path: Path, chrome: Browser
) -> None:
    beacon = '![x](http://evil.invalid/x.png)<img src="http://evil.invalid/y.png">'
    fill(tmp_path, [call(recently(), trace_id=b"\x07" * 16, span_id=7, name=beacon, user_id=beacon,
                         request_model=beacon, feature=beacon, cost_usd=None)])  # fmt: skip
    with dashboard(tmp_path) as url:
        shown = watch(chrome, url)
        for path in ("/", "/traces", f"/traces?trace={'07' * 16}&span={7:016x}"):
            shown.open(path)
            shown.page.get_by_text("evil.invalid").first.wait_for(state="attached")

        shown.assert_clean()


def test_a_page_whose_collector_fails_says_so_and_recovers_by_itself(
    tmp_path: Path, chrome: Browser
) -> None:
    fill(tmp_path, busy_day(datetime.now(UTC)))
    with faulty_collector(tmp_path) as collector, dashboard(tmp_path) as url:
        shown = watch(chrome, url)
        cards = shown.page.locator("[data-testid=stMetric]")
        told = shown.page.get_by_text("The store cannot be read")
        shown.open("/")
        cards.first.wait_for()

        collector.fault = "busy"
        shown.page.get_by_role("radio", name="7d").click()
        told.wait_for()
        assert cards.count() == 0

        collector.fault = None
        cards.first.wait_for()
        told.wait_for(state="detached")
        shown.assert_clean()
