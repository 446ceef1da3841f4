"""A saving as two bounds that hold, or the reason why nothing can be said. Pure, exact."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What would have been saved in the calls looked at, in USD; not extrapolated to others."""

    lower_usd: Decimal = _ZERO
    upper_usd: Decimal = _ZERO
    unsaid: str | None = None
    """Why it cannot be said, wholly or for a part; the bounds are then of the other part."""

    @property
    def is_unknown(self) -> bool:
        """Say whether nothing at all can be said."""
        return self.unsaid is not None and not self.upper_usd


def exactly(usd: Decimal) -> Saving:
    """Return a saving that is known to the last digit."""
    return Saving(lower_usd=usd, upper_usd=usd)


def cannot_be_said(reason: str) -> Saving:
    """Return a saving of which nothing is known."""
    return Saving(unsaid=reason)


def added(savings: Iterable[Saving]) -> Saving:
    """Return what savings of different calls come to; the first reason stays."""
    total = Saving()
    for each in savings:
        total = Saving(
            lower_usd=total.lower_usd + each.lower_usd,
            upper_usd=total.upper_usd + each.upper_usd,
            unsaid=total.unsaid or each.unsaid,
        )
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One call that a finding is about."""

    start_time: datetime
    """UTC, naive, as stored."""
    trace_id: str
    span_id: str
    about: str
    """What of it makes the finding, in words for people."""
