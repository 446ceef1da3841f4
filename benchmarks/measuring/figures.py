"""Medians with their uncertainty, and tables of them. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A median and how far it can be trusted."""

    median: float
    margin: float
    """Half the width of the median's 95 % confidence interval (order statistics)."""

    def __str__(self) -> str:
        """Show with no more digits than the margin deserves."""
        digits = 1 if self.margin < 5 and abs(self.median) < 100 else 0
        return f"{self.median:,.{digits}f} ±{self.margin:,.{digits}f}"


def figure(values: Sequence[float]) -> Figure:
    """Return the median of ``values`` and its 95 % margin; normal approximation of the ranks."""
    ordered = sorted(values)
    count = len(ordered)
    reach = 0.98 * count**0.5  # half of 1.96 standard deviations of a rank, each side
    low = ordered[max(0, int(count / 2 - reach))]
    high = ordered[min(count - 1, int(count / 2 + reach))]
    return Figure(median=statistics.median(ordered), margin=(high - low) / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """What the rounds of one case say, in microseconds a call."""

    base: Figure
    added: Figure
    noise: Figure
    """The same arithmetic on two blocks without the tool (A/A): what is below it is nothing."""


def paired(rounds: Sequence[Sequence[float]]) -> Paired:
    """Return the medians of (without, with, without) rounds given in nanoseconds."""
    return Paired(
        base=figure([(a + b) / 2_000 for a, _, b in rounds]),
        added=figure([(on - (a + b) / 2) / 1_000 for a, on, b in rounds]),
        noise=figure([(b - a) / 1_000 for a, _, b in rounds]),
    )


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table, aligned so that it can be read as it is."""
    cells = [list(header), *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [_line(row, widths) for row in cells]
    rule = "|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths))
    return "\n".join([lines[0], f"{rule}|", *lines[1:]])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        text.ljust(width) if i == 0 else text.rjust(width)
        for i, (text, width) in enumerate(zip(row, widths, strict=True))
    )
    return "| " + " | ".join([first, *rest]) + " |"
