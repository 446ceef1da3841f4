"""axe-core in a page: what it finds that keeps people from using it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Page

_GRAVE: Final = ("serious", "critical")
_RUN: Final = """
async (only) => {
    const options = {resultTypes: ['violations']};
    if (only) options.runOnly = {type: 'rule', values: only};
    const found = await axe.run(document, options);
    return found.violations.map(each => ({
        rule: each.id, impact: each.impact,
        nodes: each.nodes.map(node => ({
            target: node.target.flat().join(' '), why: node.failureSummary, html: node.html,
        })),
    }));
}
"""
# Of Streamlit's own making: rule, and a part of the element's HTML.
THEIRS: Final = (
    # The menu groups its items by a div between list and items; we write no HTML of it.
    ("list", 'data-testid="stSidebarNavItems"'),
    ("listitem", '<li class="st-emotion-cache-'),
    # Where Vega will draw what the pointer is over, or the range that is dragged: empty until
    # then, and Vega takes no description for it. The chart itself has one.
    ("svg-img-alt", "_highlighted_points_marks"),
    ("svg-img-alt", "role-mark brush_brush"),
)


def grave_violations(page: Page, *rules: str) -> list[str]:
    """Return what is serious or critical, in words; of all rules if none is named."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_source())
    return [
        f"{found['rule']} ({found['impact']}) at {node['target']}: {node['why']} {node['html']}"
        for found in page.evaluate(_RUN, list(rules) or None)
        if found["impact"] in _GRAVE
        for node in found["nodes"]
        if not any(found["rule"] == rule and part in node["html"] for rule, part in THEIRS)
    ]


@cache
def _source() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
