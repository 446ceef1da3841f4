"""The price book: the one place that says what a call cost, and on whose word.

The provider's own word, else the user's price file, else the published list price, else unpriced:
NULL with a reason, never 0. A local model costs 0, and that is a price. Tokens are counted
elsewhere (``usage``), published prices held elsewhere (``list_prices``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from llmtrace.pricing.calculate import MAX_USD, free, list_cost, unpriced
from llmtrace.pricing.list_prices import ListPrices
from llmtrace.pricing.match import is_local
from llmtrace.pricing.match import service_tier as normal_tier
from llmtrace.pricing.own_prices import Overrides
from llmtrace.pricing.unit_prices import EXACT, PriceSchedule, flat
from llmtrace.records import Cost

if TYPE_CHECKING:
    from datetime import datetime

    from llmtrace.pricing.own_prices import OwnPrice
    from llmtrace.records import CostSource, TokenUsage

_MAX_REMEMBERED: Final = 4096
"""Model names come from outside: beyond so many the memory is emptied, not grown."""

_MAX_NAME: Final = 256
_STORED: Final = Decimal("1e-12")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The prices that apply to a call before its tokens are known."""

    source: CostSource
    schedule: PriceSchedule | None = None
    """None with source ``unpriced``, and for what is free."""
    price_version: str = ""
    """Where the prices are from, as ``genai-prices 0.2.3`` or ``prices.yaml:12``."""
    reason: str | None = None
    """Why there is no price; None if there is one."""


class PriceBook:
    """Prices calls. Safe to use from several threads; never raises for what a call contains."""

    def __init__(self, overrides: Overrides | None = None) -> None:
        """Use ``overrides`` (``load_overrides``) before the published prices."""
        self._overrides = overrides or Overrides()
        self._list = ListPrices()
        self._remembered: dict[tuple[object, ...], Quote] = {}
        self._hourly: set[tuple[str, str]] = set()

    def price(
        self,
        provider: str,
        model: str | None,
        at: datetime,
        usage: TokenUsage,
        *,
        service_tier: str | None = None,
        batch: bool = False,
        reported_usd: Decimal | None = None,
    ) -> Cost:
        """Return what one call cost, in USD.

        Args:
            provider: OpenTelemetry's ``gen_ai.provider.name``.
            model: The response's model, else the request's; None gives unpriced.
            at: When the call began (aware); prices are those of that moment.
            usage: What it consumed. If it is ``partial`` or ``estimated``, so is the cost.
            service_tier: The tier that served it, from the response: ``flex``, ``priority``,
                ``fast``, …; None, ``default``, ``auto``, ``standard``, ``on_demand`` are standard.
            batch: It went through a batch API.
            reported_usd: What the provider says it cost; wins over every price.
        """
        quote = self.quote(provider, model, at, service_tier=service_tier, batch=batch)
        cost = _cost(quote, usage)
        if reported_usd is not None and reported_usd.is_finite() and 0 <= reported_usd < MAX_USD:
            return Cost(
                total_usd=reported_usd.quantize(_STORED, context=EXACT).normalize(EXACT),
                source="provider",
                cache_savings_usd=cost.cache_savings_usd,
                price_version="provider",
            )
        return cost

    def quote(
        self,
        provider: str,
        model: str | None,
        at: datetime,
        *,
        service_tier: str | None = None,
        batch: bool = False,
    ) -> Quote:
        """Return the unit prices that apply; arguments as for ``price``."""
        if not model:
            return Quote(source="unpriced", reason="the call names no model")
        if len(model) > _MAX_NAME or len(provider) > _MAX_NAME:
            return Quote(source="unpriced", reason="the model's name is too long to be one")
        moment = at if at.tzinfo is UTC else at.astimezone(UTC)
        tier, is_batch = normal_tier(service_tier, batch=batch)
        slot = (moment.hour, moment.minute) if (provider, model) in self._hourly else None
        key = (provider, model, tier, is_batch, moment.toordinal(), slot)
        known = self._remembered.get(key)
        if known is not None:
            return known
        quote = self._find(provider, model, moment, tier, batch=is_batch)
        if slot is None and (provider, model) in self._hourly:
            return quote  # found out just now: the next call remembers it with its minute
        if len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.clear()
            self._hourly.clear()
        self._remembered[key] = quote
        return quote

    def sellers(self, model: str) -> tuple[str, ...]:
        """Return the ids of the providers whose price list has ``model``, its maker first."""
        return self._list.sellers(model)

    def _find(
        self, provider: str, model: str, at: datetime, tier: str | None, *, batch: bool
    ) -> Quote:
        own = self._overrides.find(provider, model, at.date(), tier, batch=batch)
        if own is not None and own.discount is None:
            return _own_quote(own)
        if own is None and is_local(provider, model):
            return Quote(source="list", price_version="local")
        listed = self._list.look_up(provider, model, at, tier=tier, batch=batch)
        if listed.depends_on_hour:
            self._hourly.add((provider, model))
        if listed.schedule is None:
            return Quote(source="unpriced", reason=listed.reason)
        if own is not None and own.discount is not None:
            factor = Decimal(1) - own.discount
            return Quote(
                source="override",
                schedule=listed.schedule.scaled(factor),
                price_version=f"{own.origin} on {self._list.version}",
            )
        return Quote(source="list", schedule=listed.schedule, price_version=self._list.version)


def _own_quote(own: OwnPrice) -> Quote:
    schedule = None if own.prices is None else flat(own.prices)
    return Quote(source="override", schedule=schedule, price_version=own.origin)


def _cost(quote: Quote, usage: TokenUsage) -> Cost:
    if quote.source == "unpriced":
        return unpriced(quote.reason or "no price is known")
    if quote.schedule is None:
        return free(quote.source, quote.price_version)
    # Exact prices on counts that are not exact give an estimate.
    source: CostSource = quote.source if usage.source == "provider" else "estimated"
    prices = quote.schedule.at(usage.input_tokens)
    return list_cost(usage, prices, source=source, price_version=quote.price_version)
