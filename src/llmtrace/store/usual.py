"""Whether a figure is usual: where it stands to the same figure of earlier periods. Pure.

The band is the median of the earlier periods, give or take three times their scatter (the median
absolute deviation, scaled as a standard deviation) and at least a fifth of the median: one bad
week in eight neither moves it nor widens it much, and eight equal weeks do not make a cent unusual.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

PERIODS: Final = 8
"""Earlier periods to look at."""
MIN_PERIODS: Final = 4
"""With fewer nothing can be said."""
_SCATTERS: Final = Decimal(3)
_AS_DEVIATION: Final = Decimal("1.4826")
_AT_LEAST: Final = Decimal("0.2")

Verdict = Literal["usual", "high", "low", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """How a figure compares with earlier ones."""

    verdict: Verdict
    """``unknown``: the figure is unknown, or there are too few earlier ones."""
    periods: int
    """Earlier periods that counted."""
    low: Decimal | None = None
    """Where the band begins, never below 0; None if there is none."""
    high: Decimal | None = None
    """Where it ends; both ends are usual."""


def usual(value: Decimal | None, earlier: Sequence[Decimal]) -> Usual:
    """Hold ``value`` against the same figure of ``earlier`` periods, in any order."""
    count = len(earlier)
    if count < MIN_PERIODS:
        return Usual(verdict="unknown", periods=count)
    middle = median(earlier)
    scatter = median(abs(figure - middle) for figure in earlier)
    reach = max(_SCATTERS * _AS_DEVIATION * scatter, _AT_LEAST * abs(middle))
    low, high = max(middle - reach, Decimal(0)), middle + reach
    return Usual(verdict=_verdict(value, low, high), periods=count, low=low, high=high)


def _verdict(value: Decimal | None, low: Decimal, high: Decimal) -> Verdict:
    if value is None:
        return "unknown"
    if value > high:
        return "high"
    return "low" if value < low else "usual"
