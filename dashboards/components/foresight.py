"""Has asked what somebody may look at next by the time it is chosen.

In a large store, where an answer takes long enough to be waited for: what the open filters lead to,
and otherwise the other ranges of a page, one of the models, and the other pages, of all calls, so
that what is asked is the same for everybody. One filter more of every range and dimension was too
much: twenty viewers waited four times as long. A page that is only left open foresees nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dashboards import ahead, data
from dashboards.ahead import Look
from dashboards.components.filters import are_open, idle_s
from dashboards.page_asks import PAGES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboards.page_asks import Asks


_LOOKS_ON_S: Final = 300.0
"""Without a choice for so long, a viewer is taken to look at what is there."""


def foresee(page: str, asks: Asks, shown: data.View) -> None:
    """Ask for it in the background; called when the page is drawn, so last."""
    for_s = _LOOKS_ON_S - idle_s()
    if for_s > 0:
        looks = _filtered if are_open() else _elsewhere
        ahead.foresee(lambda: looks(page, asks, shown), for_s=for_s)


def _filtered(page: str, asks: Asks, shown: data.View) -> Iterable[Look]:
    for view in data.one_filter_more(shown):
        yield Look(page=page, asks=asks.all, view=view)
    yield from _unfiltered(page, asks, shown)


def _elsewhere(page: str, asks: Asks, shown: data.View) -> Iterable[Look]:
    yield from _unfiltered(page, asks, shown)
    if shown.choice.filters or not data.is_large():
        return
    for view in (*data.other_ranges(shown), *data.one_filter_more(shown)[:1]):
        yield Look(page=page, asks=asks.all, view=view)
    for name, others in PAGES.items():
        if name != page:
            yield Look(page=name, asks=others().all, view=data.settled(data.moved_on(shown)))


def _unfiltered(page: str, asks: Asks, shown: data.View) -> Iterable[Look]:
    """Give the page itself, of all calls: as of the next moment, or without what is chosen."""
    if data.is_large():
        yield Look(page=page, asks=asks.all, view=data.without_filters(shown))
