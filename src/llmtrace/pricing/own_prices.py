"""The user's own prices: what one entry of a price file says, and which entry a call meets.

Records and matching only; the file is read by ``overrides``.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmtrace.pricing.match import model_names, price_provider

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from llmtrace.pricing.unit_prices import UnitPrices

ANY_TIER = "*"
BATCH_TIER = "batch"


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit of a currency was worth, from a day on until the next rate."""

    since: date
    """First UTC day."""
    usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrice:
    """One entry. Exactly one of ``prices``, ``discount`` and ``is_free`` is given."""

    model: str
    """Glob, lower case, held against the model's name as called and without path and vendor."""
    origin: str
    """Where it stands, as ``prices.yaml:12``."""
    provider: str | None = None
    """None: any provider."""
    since: date | None = None
    """First UTC day it holds; None: always has."""
    until: date | None = None
    """First UTC day it does not hold any more; None: holds still."""
    tier: str | None = None
    """None: the standard tier, for a discount or free: any; ``batch``; ``*``: any."""
    region: str | None = None
    """Glob, lower case; None: wherever it was served."""
    prices: UnitPrices | None = None
    """In USD, or in the currency of ``rates``."""
    rates: tuple[Rate, ...] = ()
    """Of the prices' currency, oldest first, the first not after ``since``; none: USD."""
    discount: Decimal | None = None
    """Taken off the published price, 0 to 1."""
    is_free: bool = False
    note: str | None = None
    """For people: the contract, the commitment."""

    def holds(
        self,
        provider: str,
        names: tuple[str, ...],
        day: date,
        tier: str | None,
        *,
        batch: bool,
        region: str | None = None,
    ) -> bool:
        """Say if this entry prices a call to a model of these names on that day, at that tier."""
        return (
            (self.since is None or day >= self.since)
            and (self.until is None or day < self.until)
            and self._is_tier(tier, batch=batch)
            and (self.region is None or fnmatch.fnmatchcase(region or "global", self.region))
            and (self.provider is None or price_provider(self.provider) == price_provider(provider))
            and any(fnmatch.fnmatchcase(name, self.model) for name in names)
        )

    def prices_on(self, day: date) -> UnitPrices | None:
        """Return the prices in USD at the exchange rate of that day; None if there are none.

        Each is rounded as a price is. A day before the first rate has the first one's; reading
        the file refuses entries that could meet one.
        """
        if self.prices is None or not self.rates:
            return self.prices
        usd = self.rates[0].usd
        for rate in self.rates:
            if rate.since <= day:
                usd = rate.usd
        return self.prices.scaled(usd)

    def _is_tier(self, tier: str | None, *, batch: bool) -> bool:
        if self.tier == ANY_TIER or (self.tier is None and self.prices is None):
            return True
        if batch:
            return self.tier == BATCH_TIER and tier is None
        return self.tier == tier


@dataclass(frozen=True, slots=True)
class Overrides:
    """The entries of a price file, in its order."""

    entries: tuple[OwnPrice, ...] = ()

    def find(
        self,
        provider: str,
        model: str,
        day: date,
        tier: str | None,
        *,
        batch: bool,
        region: str | None = None,
    ) -> OwnPrice | None:
        """Return the first entry that prices this call, None if none does."""
        if not self.entries:
            return None
        names = model_names(model)
        for entry in self.entries:
            if entry.holds(provider, names, day, tier, batch=batch, region=region):
                return entry
        return None
