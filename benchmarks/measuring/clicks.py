"""One person in a real Chromium: when a page shows its first figures, when a click's are there.

All times are taken inside the page, by its own clock: from the navigation, or from the moment of
the click as the browser has it, until the text of the figures has changed, and until Streamlit's
script has stopped and everything is drawn.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import Error as BrowserError

from benchmarks.measuring.viewers import ZONE
from tests.end_to_end.browsing import browser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

PAGES: Final = {
    "Overview": "",
    "Cost": "cost",
    "Latency & reliability": "reliability",
    "Usage & tokens": "usage",
    "Cache": "cache",
    "Budgets": "budgets",
    "Traces": "traces",
    "Sessions": "sessions",
    "Alerts": "alerts",
    "Replay & compare": "replay",
    "SQL console": "sql",
    "Savings": "savings",
    "What-if": "what_if",
    "System": "system",
}
"""Title → path of each page."""
_TIMEOUT_MS: Final = 60_000
_LATEST_MS: Final = 1_000
"""Figures that are not there by then are none of a page's, as that of an empty list."""
_WATCH: Final = """
(() => {
  const seen = window.__seen = {first: null, done: null, clicked: null, changed: null, ran: false,
    touched: 0};
  const SHOWN = '[data-testid=stMetricValue], [data-testid=stDataFrame], .figures table, '
    + '[data-testid=stVegaLiteChart] canvas';
  const text = () => [...document.querySelectorAll('h1, [data-testid=stMetricValue]')]
    .map(each => each.textContent).join('|');
  let before = '';
  const look = () => {
    const now = seen.touched = performance.now();
    if (seen.first === null && document.querySelector(SHOWN)) seen.first = now;
    const state = document.querySelector('[data-testid=stApp]')?.dataset.testScriptState;
    if (state === 'running') { seen.ran = true; seen.done = null; }
    if (state === 'notRunning' && seen.ran && seen.done === null) seen.done = now;
    if (seen.clicked !== null) {
      const told = text();
      if (told !== before) { before = told; seen.changed = now; }
    }
  };
  new MutationObserver(look).observe(document, {
    subtree: true, childList: true, characterData: true,
    attributes: true, attributeFilter: ['data-test-script-state'],
  });
  addEventListener('click', event => {
    before = text();
    Object.assign(seen, {clicked: event.timeStamp, changed: null, ran: false, done: null,
      touched: event.timeStamp});
  }, true);
})()
"""

_SETTLED: Final = """
() => {
  const seen = window.__seen;
  // What was sent last may be drawn after the script has ended.
  if (seen?.done != null) return performance.now() - Math.max(seen.touched, seen.done) > 250;
  if (seen?.clicked == null || seen.ran || seen.touched <= seen.clicked) return false;
  // A script may be through before the page has said that it runs.
  return performance.now() - seen.touched > (seen.changed != null ? 1500 : 3000);
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How long one look or one click took, in milliseconds."""

    figures_ms: float | None
    """Until the figures were there, or had all changed; None: they did not change."""
    done_ms: float
    """Until the script had stopped."""


class Person:
    """Looks at the pages at ``url``."""

    def __init__(self, page: Page, url: str) -> None:
        """Sit down; nothing is opened yet."""
        self._page = page
        self._url = url

    def open(self, path: str) -> Shown:
        """Open a page by its address."""
        self._page.goto(f"{self._url}/{path}", wait_until="commit", timeout=_TIMEOUT_MS)
        seen = self._settled()
        if seen["first"] is None:  # a browser may have so much to draw that the script ends before
            self._page.wait_for_timeout(_LATEST_MS)
            seen = self._page.evaluate("() => window.__seen")
        return Shown(figures_ms=seen["first"], done_ms=seen["done"])

    def choose_range(self, span: str) -> Shown:
        """Choose a range in the filter bar."""
        return self._clicked(self._page.locator(".st-key-range").get_by_text(span, exact=True))

    def stack_by(self, name: str) -> Shown:
        """Choose what the Overview's chart is stacked by; no figure in words changes."""
        shown = self._clicked(self._page.locator(".st-key-stack").get_by_text(name, exact=True))
        return replace(shown, figures_ms=None)  # a refresh meanwhile may change some

    def switch_to(self, title: str) -> Shown:
        """Open another page by its link in the sidebar."""
        link = self._page.locator("[data-testid=stSidebarNav] a").filter(has_text=title)
        return self._clicked(link)

    def open_filters(self) -> Shown:
        """Open the filters, which asks what there is to choose from."""
        return self._clicked(self._page.get_by_role("button", name="Filters"))

    def choose_model(self, name: str) -> Shown:
        """Narrow to a model; the filters are open. They are closed then."""
        box = self._page.locator(".st-key-model input")
        box.click()
        box.fill(name)
        shown = self._clicked(self._page.get_by_role("option", name=name, exact=True))
        self._page.keyboard.press("Escape")
        self._page.keyboard.press("Escape")
        self._settled()
        return shown

    def clear(self) -> Shown:
        """Take the filters away."""
        return self._clicked(self._page.get_by_role("button", name="Clear filters"))

    def _clicked(self, where: Locator) -> Shown:
        # A refresh that began just before is no part of what is measured.
        self._page.wait_for_selector("[data-test-script-state=notRunning]", timeout=_TIMEOUT_MS)
        where.click(timeout=_TIMEOUT_MS)
        seen = self._settled()
        changed = seen["changed"]
        return Shown(
            figures_ms=None if changed is None else changed - seen["clicked"],
            done_ms=seen["done"] - seen["clicked"],
        )

    def _settled(self) -> dict[str, Any]:
        while True:
            self._page.wait_for_function(_SETTLED, timeout=_TIMEOUT_MS, polling=50)
            self._page.wait_for_timeout(150)  # a script may ask to be run again at once
            seen = self._page.evaluate("() => window.__seen")
            if seen["done"] is not None:
                return seen
            if not seen["ran"] and seen["clicked"] is not None:
                return seen | {"done": seen["touched"]}


@contextmanager
def person(url: str) -> Iterator[Person]:
    """Give a person with a new Chromium. Raises BrowserError where there is none."""
    with browser() as launched:
        context = launched.new_context(viewport={"width": 1440, "height": 1000}, timezone_id=ZONE)
        page = context.new_page()
        page.add_init_script(_WATCH)
        yield Person(page, url)


__all__ = ["PAGES", "BrowserError", "Person", "Shown", "person"]
