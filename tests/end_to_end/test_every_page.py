"""Every page in Chromium: both themes, a desk and a phone, on a store with all there is in it.

On none is there an exception box, an error in the console, a request to another origin, a script
of a span's, anything wider than the window, or what axe-core calls serious.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

from llmtrace.collector import Collector
from llmtrace.config import load_settings
from tests.end_to_end.axe import grave_violations
from tests.end_to_end.browsing import browser, dashboard_process, watch
from tests.end_to_end.rich_store import (
    EXPENSIVE_PROMPT,
    HOSTILE_SPAN,
    HOSTILE_TRACE,
    SESSION,
    costly_of,
    fill_richly,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.end_to_end.browsing import Watched

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CARD: Final = "[data-testid=stMetricValue]"
CHART: Final = "[data-testid=stVegaLiteChart] svg"
TABLE: Final = "[data-testid=stDataFrame] canvas"
# Path → what is there once the page is drawn.
PAGES: Final = {
    "/": CHART,
    "/cost?range=7d": CHART,
    "/reliability": CHART,
    "/usage": CHART,
    "/cache": CHART,
    "/budgets?budget=daily": CHART,
    "/traces": TABLE,
    f"/traces?trace={HOSTILE_TRACE}&span={HOSTILE_SPAN}": "[data-testid=stChatMessage]",
    "/sessions": TABLE,
    f"/sessions?session={SESSION}": "[data-testid=stChatMessage]",
    "/alerts?rule=errors": CHART,
    f"/replay?call={4:016x}&as=gpt-5-mini": ".stCode",
    "/sql": "textarea",
    "/savings?window=24+hours&finding=Cheaper+models": TABLE,
    "/what_if?models=openai/gpt-5-nano": CHART,
    "/system": CARD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The one server and the one browser of this module; a collector beside them has the store."""

    shown: Watched
    process: int
    now: datetime


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Shop]:
    home: Path = tmp_path_factory.mktemp("shop")
    now = datetime.now(UTC)
    fill_richly(home, now, hours=2, hostile=True)
    with (
        Collector(load_settings({}, home=home), port=0),
        dashboard_process(home) as (url, process),
        browser() as chrome,
    ):
        yield Shop(shown=watch(chrome, url), process=process, now=now)


@pytest.mark.timeout(300)
def test_every_page_in_every_look_is_clean_fits_and_is_accessible(shop: Shop) -> None:
    wrong: list[str] = []
    page = shop.shown.page
    for path, drawn in PAGES.items():
        page.set_viewport_size({"width": 1440, "height": 900})
        shop.shown.open(path)
        page.locator(drawn).first.wait_for()
        found = grave_violations(page)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(DARK)
        # What is not about colours is the same in both themes.
        found += grave_violations(page, "color-contrast")
        page.set_viewport_size({"width": 420, "height": 900})
        found += too_wide(page)
        page.emulate_media(color_scheme="light")
        found += too_wide(page)
        found += [f"console: {text}" for text in shop.shown.console_errors]
        found += [f"asked {url}" for url in shop.shown.foreign_requests]
        found += [f"made of a span's text: {html}" for html in page.evaluate(FORBIDDEN)]
        wrong += [f"{path}: {each}" for each in found]
        shop.shown.console_errors.clear()
        shop.shown.foreign_requests.clear()
    assert not wrong, "\n".join(wrong)
    # Streamlit, pyarrow and DuckDB would each load it to ask whether a value is one of pandas'.
    loaded = Path(f"/proc/{shop.process}/maps")
    assert not loaded.exists() or "/pandas/" not in loaded.read_text()


DARK: Final = """
() => getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme === 'dark'
"""


FORBIDDEN: Final = """
[...document.querySelectorAll(
    '[data-testid=stException], [onerror], [src*="evil.invalid"], [href*="evil.invalid"]'
)].map(each => each.outerHTML)
"""
FITS: Final = """
() => [document.documentElement, document.querySelector('[data-testid=stMain]')]
    .every(each => each.scrollWidth <= innerWidth)
"""


def too_wide(page: Page) -> list[str]:
    """Say it if the page scrolls sideways, and goes on to once it is laid out anew."""
    try:
        page.wait_for_function(FITS, timeout=4_000)
    except PlaywrightTimeout:
        return ["wider than a phone"]
    return []


def pick_first(page: Page, key: str) -> None:
    """Select the first row of a table: it is a canvas, with a box at its left edge."""
    grid = page.locator(f".st-key-{key} [data-testid=stDataFrame]")
    grid.locator("canvas").first.wait_for()
    grid.scroll_into_view_if_needed()
    box = grid.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 16, box["y"] + 35 + 17)


def at_home(shop: Shop, path: str = "/") -> Page:
    page = shop.shown.page
    page.set_viewport_size({"width": 1440, "height": 1_000})
    shop.shown.open(path)
    return page


def open_costliest(shop: Shop) -> None:
    """On Cost, open the call that cost most: it is the one of ``spike``, and its prompt is read."""
    page = shop.shown.page
    shop.shown.settle()
    pick_first(page, "costliest")
    page.wait_for_url(re.compile(rf"/traces\?.*span={costly_of(shop.now).span_id:016x}"))
    page.get_by_text(EXPENSIVE_PROMPT).first.wait_for()
    shop.shown.assert_clean()


def test_from_the_user_who_costs_most_to_the_prompt(shop: Shop) -> None:
    page = at_home(shop)
    pick_first(page, "spenders-user")
    user = costly_of(shop.now).user
    page.wait_for_url(re.compile(rf"/cost\?.*user={user}"))
    # The filter goes along from page to page.
    for link, path in (("Sessions", "sessions"), ("Cost", "cost")):
        shop.shown.settle()
        page.get_by_role("link", name=link, exact=True).click()
        page.wait_for_url(re.compile(rf"/{path}\?.*user={user}"))
        page.get_by_text(f"User: {user}").wait_for()
    open_costliest(shop)


def test_from_a_cost_spike_to_its_hour_and_the_prompt_that_caused_it(shop: Shop) -> None:
    page = at_home(shop)
    bars = page.locator(".st-key-cost-model .mark-rect path")
    bars.first.wait_for()
    highest = bars.evaluate_all(
        "all => all.map(each => each.getBoundingClientRect().height)"
        ".reduce((best, height, place, heights) => height > heights[best] ? place : best, 0)"
    )
    bars.nth(highest).click()
    hour = f"{costly_of(shop.now).at:%Y-%m-%dT%H}"
    page.wait_for_url(re.compile(rf"/cost\?.*from={hour}.*model=gpt-5"))
    open_costliest(shop)


def test_from_what_breaks_a_prompt_cache_to_both_calls(shop: Shop) -> None:
    for name in ("Earlier call", "Later call"):
        page = at_home(shop, "/cache")
        page.get_by_role("button", name=name).first.click()
        page.wait_for_url("**/traces?**trace=**")
        page.locator("[data-testid=stChatMessage]").first.wait_for()
        shop.shown.assert_clean()


def test_the_range_is_chosen_and_a_row_picked_by_keyboard_alone(shop: Shop) -> None:
    page = at_home(shop, "/reliability")
    page.locator(TABLE).first.wait_for()
    keys = page.keyboard
    tab_to(page, "[role=radio]")
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    keys.press("Space")
    page.wait_for_url("**range=7d")
    shop.shown.settle()
    tab_to(page, "canvas")
    keys.press("ArrowDown")
    keys.press("Shift+Space")
    page.get_by_text(re.compile(r"Only\s+model: ")).wait_for()
    shop.shown.assert_clean()


def test_a_filter_is_chosen_by_keyboard_alone(shop: Shop) -> None:
    page = at_home(shop, "/reliability")
    page.locator(TABLE).first.wait_for()
    keys = page.keyboard
    choices = page.get_by_test_id("stPopoverBody")
    tab_to(page, "[data-testid=stPopoverButton]")

    keys.press("Enter")
    expect(choices).to_be_focused()
    choices.get_by_role("combobox").first.wait_for()  # its program is loaded when first needed
    for _ in ("Environment", "Provider", "Model"):
        keys.press("Tab")
    keys.type("5-mini")
    page.get_by_role("option", name="gpt-5-mini").wait_for()
    keys.press("Enter")

    page.wait_for_url("**model=gpt-5-mini")
    page.get_by_text("Only  Model: gpt-5-mini").wait_for()
    expect(choices.get_by_role("combobox", name="Model")).to_be_focused()
    keys.press("Tab")
    expect(page.get_by_role("listbox")).to_have_count(0)  # it takes a moment, which people do too
    tab_to(page, "[aria-label=Tag]")
    keys.press("Tab")
    expect(choices.get_by_role("combobox", name="Environment")).to_be_focused()
    keys.press("Escape")
    choices.wait_for(state="detached")
    expect(page.get_by_test_id("stPopoverButton").filter(has_text="Filters")).to_be_focused()
    shop.shown.assert_clean()


def tab_to(page: Page, selector: str) -> None:
    """Go on by the tabulator until what has the focus is such an element."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by the tabulator")
