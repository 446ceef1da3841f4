"""The price book: the one place that says what a call cost, and on whose word.

The provider's own word, else the user's price file, else the published list price (of the tier and
region that served the call), else unpriced: NULL with a reason, never 0. A local model costs 0, and
that is a price. Tokens are counted elsewhere (``usage``), published prices held elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from llmtrace.pricing.calculate import MAX_USD, free, list_cost, unpriced
from llmtrace.pricing.factors import region_factor, tier_factor
from llmtrace.pricing.list_prices import ListPrices
from llmtrace.pricing.match import is_local, model_names, passed_on, resolve
from llmtrace.pricing.match import service_tier as normal_tier
from llmtrace.pricing.own_prices import Overrides
from llmtrace.pricing.published import Published
from llmtrace.pricing.unit_prices import EXACT, PriceSchedule, flat
from llmtrace.records import Cost

if TYPE_CHECKING:
    from datetime import date, datetime

    from llmtrace.pricing.factors import Factor
    from llmtrace.pricing.own_prices import OwnPrice
    from llmtrace.pricing.updates import InstalledPrices
    from llmtrace.records import CostSource, TokenUsage

_MAX_REMEMBERED: Final = 4096
"""Model names come from outside: beyond so many the memory is emptied, not grown."""

_MAX_NAME: Final = 256
_STORED: Final = Decimal("1e-12")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What of a call decides its unit prices, in the price data's words."""

    asked: tuple[str, str]
    """Provider and model as called."""
    seller: str
    model: str
    at: datetime
    """In UTC."""
    tier: str | None
    batch: bool
    region: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The prices that apply to a call before its tokens are known."""

    source: CostSource
    schedule: PriceSchedule | None = None
    """None with source ``unpriced``, and for what is free."""
    price_version: str = ""
    """Where the prices are from, as ``genai-prices 0.2.3`` or ``prices.yaml:12``."""
    is_exact: bool = True
    """False: the prices are of another region, or one of several; the cost is an estimate."""
    note: str | None = None
    """What the user wrote beside the entry of the price file, as a commitment."""
    reason: str | None = None
    """Why there is no price; None if there is one."""


class PriceBook:
    """Prices calls. Safe to use from several threads; never raises for what a call contains."""

    def __init__(
        self, overrides: Overrides | None = None, installed: InstalledPrices | None = None
    ) -> None:
        """Use ``overrides`` (``load_overrides``) before the published prices.

        ``installed`` is a newer list than the bundled one (``updates.installed_prices``).
        """
        self._overrides = overrides or Overrides()
        self._list = ListPrices(installed)
        self._published = Published()
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
        region: str | None = None,
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
            region: Where it was served, in the provider's words: Anthropic's
                ``usage.inference_geo``, the region or location in the host or path (``us-east-1``,
                ``europe-west1``, ``eu`` of ``eu.api.openai.com``); None and ``global``: anywhere.
            reported_usd: What the provider says it cost; wins over every price.
        """
        quote = self.quote(
            provider, model, at, service_tier=service_tier, batch=batch, region=region
        )
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
        region: str | None = None,
    ) -> Quote:
        """Return the unit prices that apply; arguments as for ``price``."""
        if not model:
            return Quote(source="unpriced", reason="the call names no model")
        if len(model) > _MAX_NAME or len(provider) > _MAX_NAME:
            return Quote(source="unpriced", reason="the model's name is too long to be one")
        moment = at if at.tzinfo is UTC else at.astimezone(UTC)
        tier, is_batch = normal_tier(service_tier, batch=batch)
        place = region.strip().lower()[:_MAX_NAME] or None if region else None
        slot = (moment.hour, moment.minute) if (provider, model) in self._hourly else None
        key = (provider, model, tier, is_batch, place, moment.toordinal(), slot)
        known = self._remembered.get(key)
        if known is not None:
            return known
        seller, name = resolve(provider, model)
        quote = self._find(
            _Call(
                asked=(provider, model),
                seller=seller,
                model=name,
                at=moment,
                tier=tier,
                batch=is_batch,
                region=place,
            )
        )
        if slot is None and (provider, model) in self._hourly:
            return quote  # found out just now: the next call remembers it with its minute
        if len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.clear()
            self._hourly.clear()
        self._remembered[key] = quote
        return quote

    @property
    def version(self) -> str:
        """Which price list is used, as ``genai-prices 0.2.3``."""
        return self._list.version

    def sellers(self, model: str) -> tuple[str, ...]:
        """Return the ids of the providers whose price list has ``model``, its maker first."""
        return self._list.sellers(model)

    def context_window(self, provider: str, model: str) -> int | None:
        """Return the most input tokens that a model takes; None: the price list does not say."""
        seller, name = resolve(provider, model)
        found = self._list.context_window(seller, name)
        behind = passed_on(seller)
        if found is None and behind is not None:
            return self._list.context_window(behind, name)
        return found

    def day_cuts(self, provider: str, model: str) -> frozenset[int]:
        """Return the minutes of the UTC day at which a price of the model may change; mostly none.

        Between two of them, on one day, a call's prices are the same.
        """
        seller, name = resolve(provider, model)
        behind = passed_on(seller)
        own = self._list.day_cuts(seller, name)
        return own if behind is None else own | self._list.day_cuts(behind, name)

    def listed(self, at: datetime) -> dict[tuple[str, str], PriceSchedule]:
        """Return the price list's standard prices at ``at``, by provider's and model's id."""
        return self._list.schedules(at)

    def _find(self, call: _Call) -> Quote:
        own = self._overrides.find(
            call.seller,
            call.model,
            call.at.date(),
            call.tier,
            batch=call.batch,
            region=call.region,
        )
        if own is not None and own.discount is None:
            return _own_quote(own, call.at.date())
        if own is None and is_local(*call.asked):
            return Quote(source="list", price_version="local")
        listed = self._listed(call)
        if own is None or own.discount is None or listed.schedule is None:
            return listed
        return replace(
            listed,
            source="override",
            schedule=listed.schedule.scaled(Decimal(1) - own.discount),
            price_version=f"{own.origin} on {listed.price_version}",
            note=own.note,
        )

    def _listed(self, call: _Call) -> Quote:
        """Return the published prices: the seller's, else those that a router passes on."""
        quote = self._in_region(call)
        behind = passed_on(call.seller)
        if quote.schedule is None and behind is not None:
            passed = self._in_region(replace(call, seller=behind))
            return quote if passed.schedule is None else passed
        return quote

    def _in_region(self, call: _Call) -> Quote:
        """Return the published prices of the seller, at the call's tier and in its region."""
        names, day = model_names(call.model), call.at.date()
        quote = self._at_tier(call, tier=call.tier, batch=call.batch)
        if quote.schedule is None and (call.tier is not None or call.batch):
            fact = tier_factor(call.seller, names, day, call.tier, batch=call.batch)
            standard = fact and self._at_tier(call, tier=None, batch=False)
            if fact is not None and standard and standard.schedule is not None:
                quote = replace(standard, schedule=_changed(standard.schedule, fact))
        if quote.schedule is None:
            return quote
        factor = region_factor(call.seller, names, day, call.region)
        if factor is None:
            version = f"{quote.price_version}, not of {call.region}"
            return replace(quote, is_exact=False, price_version=version)
        changed = quote.schedule.changed(lambda prices: prices.tokens_scaled(factor))
        return replace(quote, schedule=changed)

    def _at_tier(self, call: _Call, *, tier: str | None, batch: bool) -> Quote:
        """Return what is published for exactly this tier; our own file fills the list's gaps."""
        listed = self._list.look_up(call.seller, call.model, call.at, tier=tier, batch=batch)
        if listed.depends_on_hour:
            self._hourly.add(call.asked)
        more = self._published.find(
            call.seller, model_names(call.model), call.at.date(), tier, batch=batch
        )
        if more is None:
            if listed.schedule is None:
                return Quote(source="unpriced", reason=listed.reason)
            return Quote(source="list", schedule=listed.schedule, price_version=self._list.version)
        version = self._published.version
        if more.assumes:
            version = f"{version}, assuming {more.assumes}"
        if listed.schedule is None:
            return Quote(
                source="list",
                schedule=more.schedule,
                price_version=version,
                is_exact=more.assumes is None,
            )
        return Quote(
            source="list",
            schedule=listed.schedule.completed(more.schedule),
            price_version=f"{self._list.version}, {version}",
            is_exact=more.assumes is None,
        )


def _changed(schedule: PriceSchedule, fact: Factor) -> PriceSchedule:
    return schedule.changed(lambda prices: prices.tokens_scaled(fact.factor).without(*fact.unsaid))


def _own_quote(own: OwnPrice, day: date) -> Quote:
    prices = own.prices_on(day)
    schedule = None if prices is None else flat(prices)
    return Quote(source="override", schedule=schedule, price_version=own.origin, note=own.note)


def _cost(quote: Quote, usage: TokenUsage) -> Cost:
    if quote.source == "unpriced":
        return unpriced(quote.reason or "no price is known")
    if quote.schedule is None:
        return free(quote.source, quote.price_version)
    # Exact prices on counts that are not exact give an estimate.
    is_exact = usage.source == "provider" and quote.is_exact
    source: CostSource = quote.source if is_exact else "estimated"
    prices = quote.schedule.at(usage.input_tokens)
    return list_cost(usage, prices, source=source, price_version=quote.price_version)
