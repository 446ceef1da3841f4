"""How a name that a span gave is written where people or their programs read it. Pure."""

from __future__ import annotations


def visible(text: str) -> str:
    """Show control and direction characters as escapes: a reader's program would obey them."""
    return "".join(
        character if character.isprintable() else f"\\u{ord(character):04x}" for character in text
    )
