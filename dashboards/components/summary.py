"""The outline of a page that begins with cards: those, and everything below unless nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.ahead import ahead
from dashboards.components.figures_first import figures_first
from dashboards.components.foresight import foresee
from dashboards.components.states import nothing_found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dashboards.data import Figure, View
    from dashboards.page_asks import Asks


def summary(
    page: str,
    shown: View,
    asks: Asks,
    cards: Callable[[View], Mapping[str, Figure]],
    draw_cards: Callable[[View, Mapping[str, Figure]], None],
    draw_rest: Callable[[View, Mapping[str, Figure]], None],
) -> None:
    """Draw a page on its cards, of which one is ``requests``."""
    with ahead(asks.rest, shown):
        found = cards(shown)
        if found["requests"].value:
            draw_cards(shown, found)
            figures_first()
            draw_rest(shown, found)
        else:
            nothing_found("call")
    foresee(page, asks, shown)
