"""A query as the audit keeps it: what it asks, without the values it asks for. Pure.

A text in quotes may be a user's id or what a prompt says, and the audit outlives both: erasure
does not search it. Names of tables and columns stay, in double quotes too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_PARTS: Final = re.compile(
    r"""
      (?P<blank> \s+ | --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<literal>
          [eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)
        | [xXbB]?'(?:[^']|'')*(?:'|\Z)
        | \$(?P<tag>[A-Za-z_]\w*|)\$.*?(?:\$(?P=tag)\$|\Z)
        | (?<![\w$.])(?:0[xX][0-9a-fA-F_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
      )
    | (?P<kept> "(?:[^"]|"")*(?:"|\Z) | \$\w+ | \w+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)


LITERAL: Final = "literal"


class Token(NamedTuple):
    """A piece of a query; all of them together are its text."""

    kind: Literal["blank", "literal", "kept"]
    text: str
    """Of a blank, which may be a comment, what stands there."""


def tokens(query: str) -> Iterator[Token]:
    """Yield the pieces of a query: blanks and comments, values, and what is kept of it."""
    for part in _PARTS.finditer(query):
        blank, literal = part.group("blank"), part.group("literal")
        if blank:
            yield Token("blank", blank)
        elif literal:
            yield Token(LITERAL, literal)
        else:
            yield Token("kept", part.group("kept"))


def shape_of(query: str) -> str:
    """Return a query in one line with ``?`` for every text and number, and no comments."""
    shown = {"blank": " ", LITERAL: "?"}
    parts = (shown.get(part.kind, part.text) for part in tokens(query))
    return re.sub(r"\s+", " ", "".join(parts)).strip()
