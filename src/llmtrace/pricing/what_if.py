"""What traffic would cost on another model: pure, exact, from sums.

A cost is linear in the counts of a call once it is decided which prices hold (the length of the
prompt decides, for a few models the time of day) and which kinds of tokens occur. Calls of which
all of that is the same are one ``Consumed``, priced at once; the result is that of pricing them
one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from llmtrace.pricing.calculate import free, list_cost, unpriced
from llmtrace.pricing.unit_prices import EXACT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from llmtrace.pricing.book import PriceBook, Quote
    from llmtrace.records import Cost, TokenUsage

Caching = Literal["measured", "none"]
Tiers = Literal["measured", "standard"]

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model that traffic may move to; the provider is OpenTelemetry's name or the list's."""

    provider: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is assumed of the traffic on its new model."""

    caching: Caching = "measured"
    """``measured``: the same tokens are read from and written to a cache as were. ``none``: every
    input token costs what plain input does."""
    tiers: Tiers = "measured"
    """``measured``: the tier that served a call serves it there too. ``standard``: none does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumed:
    """Calls with the same kinds of tokens and the same tier, between the same ``Cuts``."""

    calls: int
    usage: TokenUsage
    """The sum of theirs. With fees or units it is of one call."""
    prompt_tokens: int
    """Input tokens of the longest of them."""
    minute: int
    """Minute of the UTC day at which one of them began."""
    tier: str | None
    charged_usd: Decimal | None
    """What they cost together as they were made; None: none of them has a price."""


@dataclass(slots=True, kw_only=True)
class Repriced:
    """Traffic on one candidate. Sums are over calls, in USD."""

    candidate: Candidate
    context_window: int | None
    """Most input tokens of the model; None: nobody says."""
    price_version: str | None = None
    """Where its prices are from, and what they assume; None if no call is priced."""
    calls: int = 0
    priced_calls: int = 0
    cost_usd: Decimal | None = None
    """Of the priced calls; None if there is none."""
    compared_calls: int = 0
    """Those that have a price there and had one as they were made."""
    before_usd: Decimal = _ZERO
    """What the compared calls cost as they were made."""
    after_usd: Decimal = _ZERO
    """What they would cost."""
    too_long_calls: int | None = None
    """Calls with more input than the context window; None: it is not known."""
    unpriced: Counter[str] = field(default_factory=Counter[str])
    """Why calls have no price there → how many."""

    @property
    def delta_usd(self) -> Decimal | None:
        """What the compared calls would cost more (less: negative); None if there is none."""
        if not self.compared_calls:
            return None
        return EXACT.subtract(self.after_usd, self.before_usd)

    def moved(self, share: Decimal) -> Decimal | None:
        """Return the change of the bill if ``share`` (0 to 1) of the compared traffic moves."""
        delta = self.delta_usd
        return None if delta is None else EXACT.multiply(delta, share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """Where prices change, so that calls on two sides are not added up. Ascending."""

    prompts: tuple[int, ...]
    """Prompt lengths beyond which a price changes or a context ends."""
    minutes: tuple[int, ...]
    """Minutes of the UTC day from which a price changes."""


def cuts_of(
    book: PriceBook, candidates: Iterable[Candidate], tiers: Collection[str | None], at: datetime
) -> Cuts:
    """Return where prices of ``at`` change, for calls at these tiers or at none."""
    prompts: set[int] = set()
    minutes: set[int] = set()
    for each in candidates:
        window = book.context_window(each.provider, each.model)
        if window is not None:
            prompts.add(window)
        own = book.day_cuts(each.provider, each.model)
        minutes |= own
        for tier in {*tiers, None}:
            for minute in (0, *own):
                schedule = _quote(book, each, tier, at, minute).schedule
                if schedule is not None:
                    prompts.update(band.above_tokens for band in schedule.bands)
    return Cuts(prompts=tuple(sorted(prompts - {0})), minutes=tuple(sorted(minutes - {0})))


def reprice(
    book: PriceBook,
    candidate: Candidate,
    traffic: Iterable[Consumed],
    at: datetime,
    assumptions: Assumptions,
) -> Repriced:
    """Return what ``traffic``, grouped by ``cuts_of`` at least, would cost.

    The prices are those of the day of ``at``, at the time of day of each call.
    """
    days = sorted(book.day_cuts(candidate.provider, candidate.model))
    window = book.context_window(candidate.provider, candidate.model)
    found = Repriced(
        candidate=candidate, context_window=window, too_long_calls=None if window is None else 0
    )
    quotes: dict[tuple[str | None, int], Quote] = {}
    for part in traffic:
        tier = part.tier if assumptions.tiers == "measured" else None
        key = tier, bisect_right(days, part.minute)
        if key not in quotes:
            quotes[key] = _quote(book, candidate, tier, at, part.minute)
        _add(found, part, _cost(quotes[key], part, assumptions))
    return found


def uncached(usage: TokenUsage) -> TokenUsage:
    """Return the same tokens as if nothing had been read from or written to a cache."""
    return replace(
        usage,
        input_uncached=usage.input_uncached + usage.cache_read + usage.cache_write,
        input_audio=usage.input_audio + usage.cache_read_audio,
        input_image=usage.input_image + usage.cache_read_image,
        cache_read=0,
        cache_read_audio=0,
        cache_read_image=0,
        cache_write_5m=0,
        cache_write_1h=0,
        cache_write_other=0,
    )


def _quote(
    book: PriceBook, candidate: Candidate, tier: str | None, at: datetime, minute: int
) -> Quote:
    moment = at.astimezone(UTC).replace(hour=minute // 60, minute=minute % 60)
    return book.quote(candidate.provider, candidate.model, moment, service_tier=tier)


def _cost(quote: Quote, part: Consumed, assumptions: Assumptions) -> Cost:
    if quote.source == "unpriced":
        return unpriced(quote.reason or "no price is known")
    if quote.schedule is None:
        return free(quote.source, quote.price_version)
    usage = uncached(part.usage) if assumptions.caching == "none" else part.usage
    prices = quote.schedule.at(part.prompt_tokens)
    is_one = bool(usage.requests or usage.units)
    cost = list_cost(
        usage, prices, calls=1 if is_one else part.calls, price_version=quote.price_version
    )
    if not is_one or part.calls == 1 or cost.total_usd is None:
        return cost
    return replace(cost, total_usd=EXACT.multiply(cost.total_usd, part.calls))


def _add(found: Repriced, part: Consumed, cost: Cost) -> None:
    found.calls += part.calls
    if found.context_window is not None and part.prompt_tokens > found.context_window:
        found.too_long_calls = (found.too_long_calls or 0) + part.calls
    if cost.total_usd is None:
        found.unpriced[cost.reason or "no price is known"] += part.calls
        return
    found.price_version = found.price_version or cost.price_version
    found.priced_calls += part.calls
    found.cost_usd = EXACT.add(found.cost_usd or _ZERO, cost.total_usd)
    if part.charged_usd is not None:
        found.compared_calls += part.calls
        found.before_usd = EXACT.add(found.before_usd, part.charged_usd)
        found.after_usd = EXACT.add(found.after_usd, cost.total_usd)
