"""How a name that a span gave is written where people or their programs read it. Pure."""

from __future__ import annotations

from typing import Final

NAME_MAX: Final = 200
"""Characters of a name in a report; a longer one ends in ``…``."""


def visible(text: str) -> str:
    """Show control and direction characters as escapes: a reader's program would obey them."""
    return "".join(
        character if character.isprintable() else f"\\u{ord(character):04x}" for character in text
    )


def short_name(text: str) -> str:
    """Return a name as reports have it: visible, and not longer than a line or two."""
    told = visible(text)
    return told if len(told) <= NAME_MAX else f"{told[: NAME_MAX - 1]}…"
