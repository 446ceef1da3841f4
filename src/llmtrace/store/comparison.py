"""How one number stands to another: change since before, share of a whole. Pure.

Unknown stays unknown: None in, None out; nothing is divided by zero.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    Number = Decimal | int | float


def change_ratio(now: Number | None, before: Number | None) -> float | None:
    """Return how much more there is than before: 0.5 is half more, -1 is all gone.

    None if either is unknown, or nothing was before.
    """
    if now is None or not before:
        return None
    return float(now) / float(before) - 1


def difference(now: float | None, before: float | None) -> float | None:
    """Return how many points a ratio rose: 0.05 and 0.02 give 0.03; None if either is unknown."""
    return None if now is None or before is None else now - before


def share(part: Number | None, whole: Number | None) -> float | None:
    """Return ``part`` of ``whole`` as 0 to 1; None if either is unknown or the whole is zero."""
    if part is None or not whole:
        return None
    return float(part) / float(whole)


def per_1k_tokens(cost: Decimal | None, tokens: int | None, *, unpriced: int) -> Decimal | None:
    """Return what 1 000 tokens cost, to 12 decimals.

    None if either is unknown, there are no tokens, or ``unpriced`` calls are among them: their
    tokens would make the others look cheaper.
    """
    if cost is None or not tokens or unpriced:
        return None
    return (cost * 1_000 / tokens).quantize(_PLACES)


_PLACES: Final = Decimal("0.000000000001")
