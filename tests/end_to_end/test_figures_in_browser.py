"""Reliability and cache in a real Chromium: SQL's numbers, both themes, wide and narrow, clean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from llmtrace.store import open_store
from tests.dashboards.seeding import busy_day, fill
from tests.end_to_end.browsing import browser, dashboard, watch

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NUMBERS = """
    select
        count(*) filter (where http_status = 429) as limited,
        round(100 * count(*) filter (where cache_status = 'hit')
            / count(*) filter (where cache_status in ('hit', 'miss')), 1) as hit_rate
    from llm_calls
"""


def figure(page: Page, label: str) -> str:
    card = page.locator("[data-testid=stMetric]").filter(has_text=label)
    value = card.locator("[data-testid=stMetricValue]")
    value.wait_for()
    return value.inner_text()


def look_at(page: Page) -> None:
    """Show a page in both themes, wide and narrow: nothing may be wider than the window."""
    for scheme in ("light", "dark"):
        for width in (1440, 420):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 1_000})
            page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg")\
                .first.wait_for()  # fmt: skip
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def pick_first_row(page: Page, *, table: int) -> None:
    """Select the first row of a table: the grid is a canvas with a box at its left edge."""
    page.set_viewport_size({"width": 1440, "height": 1_000})
    grid = page.locator("[data-testid=stDataFrame]").nth(table)
    grid.scroll_into_view_if_needed()
    box = grid.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 16, box["y"] + 35 + 17)


def test_both_pages_show_what_sql_shows_in_every_theme_and_width(
    tmp_path: Path, chromium: str
) -> None:
    fill(tmp_path, busy_day(datetime.now(UTC)))
    with dashboard(tmp_path) as url, browser() as chrome:
        shown = watch(chrome, url)
        (row,) = open_store(tmp_path).sql(NUMBERS).to_pylist()

        shown.open("/reliability?range=7d")
        assert figure(shown.page, "Rate-limit hits") == str(row["limited"])
        look_at(shown.page)
        pick_first_row(shown.page, table=0)
        shown.page.get_by_text("Only  model: ").wait_for()

        shown.open("/cache?range=7d")
        assert figure(shown.page, "Hit rate by request") == f"{row['hit_rate']:.1f}%"
        look_at(shown.page)
        shown.page.get_by_text("Later call").first.click()
        shown.page.wait_for_url("**/traces?**trace=**")
        shown.page.locator("[data-testid=stChatMessage]").first.wait_for()
        shown.assert_clean()
