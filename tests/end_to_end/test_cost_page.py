"""The Cost page in a real Chromium: both themes, a desk and a phone, filters that go along."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from dashboards.components.format import money
from llmtrace.store import open_store
from tests.dashboards.seeding import fill
from tests.dashboards.test_cost import nine_weeks
from tests.end_to_end.browsing import browser, dashboard, watch

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
]
LOOKS = [("light", 1440), ("dark", 1440), ("light", 420), ("dark", 420)]


@pytest.mark.usefixtures("chromium")
def test_cost_is_drawn_in_every_look_and_its_filters_go_along(tmp_path: Path) -> None:
    fill(tmp_path, nine_weeks(datetime.now(UTC)))
    with dashboard(tmp_path) as url, browser() as chrome:
        for scheme, width in LOOKS:
            shown = watch(chrome, url, width=width, scheme=scheme)
            page = shown.page
            shown.open("/cost?range=30d&user=ann")
            cards = page.locator("[data-testid=stMetric]")
            spent = cards.filter(has_text="Spend in range").locator("[data-testid=stMetricValue]")
            spent.wait_for()
            for mark in ("area", "line", "rect"):
                page.locator(f".mark-{mark} path").first.wait_for(state="attached")
            (row,) = (
                open_store(tmp_path)
                .sql(
                    "select sum(cost_usd) as cost from llm_calls where user_id = 'ann' "
                    "and start_time >= now()::timestamp - interval 30 day"
                )
                .to_pylist()
            )
            assert spent.inner_text() == money(row["cost"])
            inside = page.evaluate(
                "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            )
            assert inside
            shown.assert_clean()

        shown = watch(chrome, url)
        page = shown.page
        shown.open("/cost?range=30d&user=ann")
        page.get_by_text("User: ann").wait_for()
        page.get_by_role("link", name="Overview").click()
        page.get_by_text("Top spenders").wait_for()
        page.get_by_text("User: ann").wait_for()
        assert re.search(r"/\?.*range=30d.*user=ann", page.url)
        shown.assert_clean()
