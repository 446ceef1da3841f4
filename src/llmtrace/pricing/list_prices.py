"""Published prices: genai-prices' data as our unit prices.

Only this module and ``updates`` import it, at the first look-up. We take its data model and its
matching of names, not its arithmetic: its sums treat an unpriced kind as its nearest priced
relative (audio as text), ours leave it unpriced unless the provider says that they are the same.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypedDict, cast

from llmtrace.errors import PriceFileError
from llmtrace.pricing.match import model_names, price_provider
from llmtrace.pricing.unit_prices import (
    EXACT,
    Band,
    PriceSchedule,
    UnitPrices,
    to_mtok_price,
    to_request_price,
)
from llmtrace.pricing.updates import read_installed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

    from llmtrace.pricing.updates import InstalledPrices

logger = logging.getLogger(__name__)

_ZERO: Final = Decimal(0)
_THOUSAND: Final = Decimal(1_000)

_FEES: Final = {
    "web_search": "web_searches_kcount",
    "x_search": "social_searches_kcount",
    "file_search": "storage_searches_kcount",
    "document_search": "storage_searches_kcount",
    "code_execution": "code_executions_kcount",
}

_UNITS: Final = {
    # kind of unit → (the list's key, how many of ours one of the list's is)
    "audio_seconds": ("input_audio_hours", Decimal(3_600)),
    "characters": ("input_mchars", Decimal(1_000_000)),
    "pages": ("input_document_kpages", _THOUSAND),
}

_FREE_REQUESTS: Final = {
    # "Web fetch usage has no additional charges beyond standard token costs."
    # platform.claude.com/docs/en/agents-and-tools/tool-use/web-fetch-tool
    "anthropic": ("web_fetch",),
}

_IMAGES_ARE_INPUT: Final = frozenset({"openai", "anthropic", "google", "x-ai", "cerebras"})
"""Image input is metered in tokens at the input price unless the price list has an own one:
platform.openai.com/docs/guides/images-vision, platform.claude.com/docs/en/build-with-claude/vision,
ai.google.dev/gemini-api/docs/pricing ("text / image / video"), docs.x.ai/developers/pricing,
inference-docs.cerebras.ai (images are input tokens)."""

_CACHING_IS_INPUT: Final = frozenset({"openai", "cerebras"})
"""Caching is automatic and without a fee; a model without a cached-input price has no discount, one
without a cache-write price writes at the input price: developers.openai.com/api/docs/pricing,
inference-docs.cerebras.ai/capabilities/prompt-caching ("Input tokens, whether served from the cache
or processed fresh, are billed at the standard input token rate")."""


_SPEAKING: Final = ("-tts",)
_DRAWING: Final = ("gpt-image",)
"""Models whose only output is audio, or images: what their list calls output is that, unless it has
a price for both (openai's gpt-image-1.5). Same pages as above."""


_CACHED_PART: Final = {
    # Cached prompt tokens are billed at a tenth of the input price:
    # docs.mistral.ai/studio-api/conversations/advanced/prompt-caching
    "mistral": Decimal("0.1"),
}


_FEE_BY_SEARCH: Final = {
    # The fee depends on usage.search_context_size; the list has that of the largest:
    # docs.perplexity.ai/getting-started/pricing
    "perplexity": "search_context_high",
}


class _Fees(TypedDict):
    requests: dict[str, Decimal]
    units: dict[str, Decimal]
    per_call: Decimal | None


@dataclass(frozen=True, slots=True)
class Listed:
    """What the price list says about a call."""

    schedule: PriceSchedule | None
    """None: no price; then ``reason`` says why."""
    reason: str | None = None
    depends_on_hour: bool = False
    """The price changes within the day (off-peak rates)."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A model of the price list, and the provider whose own list it is on."""

    model: ModelInfo
    owner: str
    is_own: bool
    """False: found on another provider's list that this one resells at the same price."""


class ListPrices:
    """The price list: the bundled one, or the one that ``llmtrace prices update`` installed.

    An app's own update of genai-prices does not change it.
    """

    def __init__(self, installed: InstalledPrices | None = None) -> None:
        """Use ``installed`` if it is whole and unchanged, else the bundled list, with a warning."""
        self._installed = installed

    @property
    def version(self) -> str:
        """What the prices are from, as ``genai-prices 0.2.3``."""
        return self._loaded[0]

    @cached_property
    def _loaded(self) -> tuple[str, list[Provider]]:
        if self._installed is not None:
            try:
                return f"genai-prices {self._installed.version}", read_installed(self._installed)
            except PriceFileError as error:
                logger.warning("the bundled prices are used: %s", error)
        import genai_prices  # noqa: PLC0415  # 0.3 to 0.6 s, only when a price is needed
        from genai_prices.data import providers  # noqa: PLC0415

        return f"genai-prices {genai_prices.__version__}", providers

    @cached_property
    def _snapshot(self) -> DataSnapshot:
        from genai_prices.data_snapshot import DataSnapshot  # noqa: PLC0415  # see _loaded

        return DataSnapshot(providers=self._loaded[1], from_auto_update=False)

    @cached_property
    def _providers(self) -> Mapping[str, Provider]:
        # By exact id: the library's own search takes "my-openai-proxy" for openai.
        return {provider.id: provider for provider in self._snapshot.providers}

    def look_up(
        self, provider: str, model: str, at: datetime, *, tier: str | None, batch: bool
    ) -> Listed:
        """Return the prices of a model at a time (aware), for a tier (None = standard).

        ``provider`` is OpenTelemetry's name or the price list's. Prices are those in force on the
        UTC day of ``at``, at its hour where they depend on it.
        """
        seller = self._providers.get(price_provider(provider))
        if seller is None:
            return Listed(None, f"{self.version} has no prices of provider {provider!r}")
        entry = self._find(seller, model)
        if entry is None:
            return Listed(None, f"{self.version} does not know model {model!r} of {seller.id}")
        context: dict[str, str] = {}
        if tier is not None or batch:
            chosen = _variant(entry, at, tier=tier, batch=batch)
            if chosen is None:
                what = " and ".join([*(["batch"] if batch else []), *([tier] if tier else [])])
                return Listed(
                    None,
                    f"{self.version} has no {what} price of {model!r} at {seller.id} "
                    f"on {at.date().isoformat()}",
                    _depends_on_hour(entry.model),
                )
            context = chosen
        prices = entry.model.get_prices(at, context)
        return Listed(_schedule(prices, entry), None, _depends_on_hour(entry.model))

    def sellers(self, model: str) -> tuple[str, ...]:
        """Return the providers that list ``model``, its maker first if that is known."""
        found = [seller for seller in self._snapshot.providers if self._find(seller, model)]
        lowered = model.lower()
        found.sort(
            key=lambda seller: not (seller.model_match and seller.model_match.is_match(lowered))
        )
        return tuple(seller.id for seller in found)

    def context_window(self, provider: str, model: str) -> int | None:
        """Return the most input tokens that a model takes; None if the list does not say."""
        seller = self._providers.get(price_provider(provider))
        entry = None if seller is None else self._find(seller, model)
        return None if entry is None else entry.model.context_window

    def day_cuts(self, provider: str, model: str) -> frozenset[int]:
        """Return the minutes of the UTC day at which a price of the model may change."""
        seller = self._providers.get(price_provider(provider))
        entry = None if seller is None else self._find(seller, model)
        return frozenset() if entry is None else _day_cuts(entry.model)

    def schedules(self, at: datetime) -> dict[tuple[str, str], PriceSchedule]:
        """Return the standard prices in force at ``at`` by provider's id and model's id."""
        return {
            (provider.id, model.id): _schedule(
                model.get_prices(at, {}), _Entry(model, provider.id, is_own=True)
            )
            for provider in self._snapshot.providers
            for model in provider.models
        }

    def _find(self, seller: Provider, model: str) -> _Entry | None:
        for name in model_names(model):
            found = seller.find_model(name, all_providers=self._snapshot.providers)
            if found is not None:
                owner = self._owner(seller, found)
                return _Entry(found, owner, owner == seller.id)
        return None

    def _owner(self, seller: Provider, model: ModelInfo) -> str:
        for provider_id in (seller.id, *(seller.fallback_model_providers or ())):
            provider = self._providers.get(provider_id)
            if provider and any(each is model for each in provider.models):
                return provider_id
        return seller.id


def _variant(
    entry: _Entry, at: datetime, *, tier: str | None, batch: bool
) -> dict[str, str] | None:
    """Return the library's name for a tier that has a published price at ``at``, None if none has.

    A reseller's tiers are its own: another provider's tier prices do not apply there. Batch at a
    tier is published by nobody.
    """
    if not entry.is_own or (batch and tier is not None):
        return None
    wanted = (
        [{"processing": "batch"}]
        if batch or tier is None
        else [{"service_tier": tier}, {"speed": tier}]  # Anthropic's fast mode is a speed
    )
    for variant in entry.model.price_variants or ():
        is_active = variant.constraint is None or variant.constraint.active(at)
        if is_active and variant.when in wanted and variant.prices.__dict__:
            return dict(variant.when)
    return None


def _depends_on_hour(model: ModelInfo) -> bool:
    conditional = model.prices if isinstance(model.prices, list) else []
    return any(hasattr(each.constraint, "start_time") for each in conditional)


def _day_cuts(model: ModelInfo) -> frozenset[int]:
    conditional = model.prices if isinstance(model.prices, list) else []
    constraints = [each.constraint for each in (*conditional, *(model.price_variants or ()))]
    times = [
        moment
        for each in constraints
        for name in ("start_time", "end_time")
        if (moment := getattr(each, name, None)) is not None
    ]
    offsets = [moment.utcoffset() or timedelta(0) for moment in times]
    day = timedelta(days=1)
    return frozenset(
        (timedelta(hours=moment.hour, minutes=moment.minute) - offset) % day // timedelta(minutes=1)
        for moment, offset in zip(times, offsets, strict=True)
    )


def _schedule(prices: ModelPrice, entry: _Entry) -> PriceSchedule:
    """Return a model's prices, one band for each length of prompt at which any of them changes."""
    starts = {0}
    for value in prices.__dict__.values():
        starts.update(tier.start for tier in getattr(value, "tiers", ()))
    return PriceSchedule(
        tuple(Band(start, _unit_prices(prices, start, entry)) for start in sorted(starts))
    )


def _unit_prices(prices: ModelPrice, above_tokens: int, entry: _Entry) -> UnitPrices:
    """Return the prices of one band, with the fallbacks that providers document."""
    owner, name = entry.owner, entry.model.id

    def of(key: str) -> Decimal | None:
        price = _in_band(prices.__dict__.get(key), above_tokens)
        return None if price is None else to_mtok_price(price)

    given = of("input_mtok")
    read = _first(
        of("cache_read_mtok"),
        given if owner in _CACHING_IS_INPUT else None,
        _part(given, _CACHED_PART.get(owner)),
    )
    write = _first(of("cache_write_mtok"), given if owner in _CACHING_IS_INPUT else None)
    made = of("output_mtok")
    return UnitPrices(
        input=given,
        cache_read=read,
        # A kind of input that has a price of its own is cached at one of its own, or at none known.
        cache_read_audio=_first(
            of("cache_audio_read_mtok"), None if of("input_audio_mtok") is not None else read
        ),
        cache_read_image=_first(
            of("cache_image_read_mtok"), None if of("input_image_mtok") is not None else read
        ),
        # Anthropic's plain write price is that of 5 minutes, the default; 1 hour is twice the input
        # and has its own: platform.claude.com/docs/en/build-with-claude/prompt-caching#pricing
        cache_write_5m=_first(of("cache_write_5m_mtok"), write),
        cache_write_1h=of("cache_write_1h_mtok"),
        cache_write=write,
        audio_input=of("input_audio_mtok"),
        image_input=_first(of("input_image_mtok"), given if owner in _IMAGES_ARE_INPUT else None),
        video_input=_first(of("input_video_mtok"), given if owner in _IMAGES_ARE_INPUT else None),
        output=made,
        # Reasoning is billed as output by everyone who does not publish a price for it:
        # platform.openai.com/docs/guides/reasoning, Claude's "extended thinking", Gemini's pricing.
        reasoning=_first(of("output_reasoning_mtok"), made),
        audio_output=_first(
            of("output_audio_mtok"), made if any(part in name for part in _SPEAKING) else None
        ),
        image_output=_first(
            of("output_image_mtok"), made if any(part in name for part in _DRAWING) else None
        ),
        video_output=of("output_video_mtok"),
        **_fees_and_units(prices, above_tokens, owner),
    )


def _fees_and_units(prices: ModelPrice, above_tokens: int, owner: str) -> _Fees:
    """Return what is billed by neither kind of token, in one band."""

    def each(key: str, size: Decimal) -> Decimal | None:
        price = _in_band(prices.__dict__.get(key), above_tokens)
        return None if price is None else to_request_price(EXACT.divide(price, size))

    fees = {kind: price for kind, key in _FEES.items() if (price := each(key, _THOUSAND))}
    fees.update(dict.fromkeys(_FREE_REQUESTS.get(owner, ()), _ZERO))
    per_call = each("requests_kcount", _THOUSAND)
    if per_call is not None and owner in _FEE_BY_SEARCH:
        fees[_FEE_BY_SEARCH[owner]] = per_call
        by_call = None
    else:
        by_call = per_call or _ZERO
    units = {kind: price for kind, (key, size) in _UNITS.items() if (price := each(key, size))}
    return {"requests": fees, "units": units, "per_call": by_call}


def _in_band(value: Decimal | TieredPrices | None, above_tokens: int) -> Decimal | None:
    """Return a price for prompts longer than ``above_tokens``; the whole call is billed at it."""
    if value is None or not hasattr(value, "tiers"):
        return cast("Decimal | None", value)
    tiered = cast("TieredPrices", value)
    reached = [tier.price for tier in tiered.tiers if tier.start <= above_tokens]
    return reached[-1] if reached else tiered.base


def _part(price: Decimal | None, part: Decimal | None) -> Decimal | None:
    if price is None or part is None:
        return None
    return to_mtok_price(EXACT.multiply(price, part))


def _first(*prices: Decimal | None) -> Decimal | None:
    return next((price for price in prices if price is not None), None)
