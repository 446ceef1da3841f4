"""The outline of a page that begins with cards: those, and everything below unless nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.ahead import ahead
from dashboards.components.states import nothing_found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dashboards.data import Figure, View


def summary(
    shown: View,
    asks: Iterable[Callable[[], object]],
    cards: Callable[[View], Mapping[str, Figure]],
    draw: Callable[[View, Mapping[str, Figure]], None],
) -> None:
    """Draw a page on its cards, of which one is ``requests``; ``asks`` are those of ``ahead``."""
    with ahead(asks):
        found = cards(shown)
        if found["requests"].value:
            draw(shown, found)
        else:
            nothing_found("call")
