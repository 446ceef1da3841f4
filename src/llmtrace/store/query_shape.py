"""A query as the audit keeps it: what it asks, without the values it asks for. Pure.

A text in quotes may be a user's id or what a prompt says, and the audit outlives both: erasure
does not search it. Names of tables and columns stay, in double quotes too.
"""

from __future__ import annotations

import re
from typing import Final

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


def shape_of(query: str) -> str:
    """Return a query in one line with ``?`` for every text and number, and no comments."""
    parts = (
        " " if part.group("blank") else "?" if part.group("literal") else part.group("kept")
        for part in _PARTS.finditer(query)
    )
    return re.sub(r"\s+", " ", "".join(parts)).strip()
