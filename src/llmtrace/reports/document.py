"""A report in words, before any format: what is said, in which order. Pure.

Every text may hold what a span says; whoever renders it escapes it. It is kept as JSON in the
outbox of the alert engine. The words are put together in ``wording``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, cast

NO_VALUE: Final = "(none)"
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One report, worded."""

    title: str
    period: str
    summary: str
    """One line: the total, the change, whether that is usual."""
    figures: Pairs
    """Name and text."""
    columns: tuple[str, ...]
    """The first is the dimension, the others are numbers."""
    rows: tuple[tuple[str, ...], ...]
    movers: Pairs
    """Value of the dimension and what changed."""
    notes: tuple[str, ...]
    """What qualifies the numbers."""

    def to_json(self) -> str:
        """Return the JSON that ``from_json`` reads."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Document:
        """Read what ``to_json`` wrote. Raises ValueError, KeyError or TypeError if it is not."""
        content = cast("dict[str, Any]", json.loads(text))
        return Document(
            title=str(content["title"]),
            period=str(content["period"]),
            summary=str(content["summary"]),
            figures=_pairs(content["figures"]),
            columns=tuple(content["columns"]),
            rows=tuple(tuple(row) for row in content["rows"]),
            movers=_pairs(content["movers"]),
            notes=tuple(content["notes"]),
        )


def _pairs(content: Any) -> Pairs:
    return tuple((str(name), str(text)) for name, text in content)
