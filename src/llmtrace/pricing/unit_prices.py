"""Unit prices: what a million tokens of each kind costs, and how that depends on the prompt.

Records only. Where they come from: ``list_prices`` (published) and ``own_prices`` (the user's).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""Own context: the app may have changed the thread's precision, and 28 digits can round a sum."""

_MTOK_STEP: Final = Decimal("1e-6")
_REQUEST_STEP: Final = Decimal("1e-12")


def to_mtok_price(price: Decimal) -> Decimal:
    """Round a price per million tokens to 6 decimals, so that a call's cost has at most 12.

    The store keeps DECIMAL(18,12). Published prices have fewer; what is cut off are the remains of
    somebody's floating point, such as 0.18000000000000002.
    """
    return price.quantize(_MTOK_STEP, context=EXACT).normalize(EXACT)


def to_request_price(price: Decimal) -> Decimal:
    """Round a price per request, or per unit, to the 12 decimals of the store."""
    return price.quantize(_REQUEST_STEP, context=EXACT).normalize(EXACT)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrices:
    """USD per million tokens of each bucket of ``TokenUsage``; None = no price is known."""

    input: Decimal | None = None
    """Text input, neither read from nor written to a cache."""
    cache_read: Decimal | None = None
    cache_read_audio: Decimal | None = None
    cache_read_image: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None
    cache_write: Decimal | None = None
    """Cache writes of any other, or unsaid, time to live."""
    audio_input: Decimal | None = None
    image_input: Decimal | None = None
    video_input: Decimal | None = None
    output: Decimal | None = None
    reasoning: Decimal | None = None
    audio_output: Decimal | None = None
    image_output: Decimal | None = None
    video_output: Decimal | None = None
    requests: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    """USD per request, by kind (``web_search``, …)."""
    units: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    """USD per unit, by kind of ``TokenUsage.units`` (``UNIT_KINDS``)."""
    per_call: Decimal | None = Decimal(0)
    """USD for the invocation itself, beside its tokens; None: there is a fee, and it depends on the
    kind of call, which is then one of ``requests`` (``BY_KIND``: Perplexity)."""

    def scaled(self, factor: Decimal) -> UnitPrices:
        """Return all these prices times ``factor``, each rounded as a price is."""

        def token(price: Decimal) -> Decimal:
            return to_mtok_price(EXACT.multiply(price, factor))

        def request(price: Decimal) -> Decimal:
            return to_request_price(EXACT.multiply(price, factor))

        return replace(
            self,
            **{name: _mapped(getattr(self, name), token) for name in TOKEN_KINDS},
            requests={kind: request(price) for kind, price in self.requests.items()},
            units={kind: request(price) for kind, price in self.units.items()},
            per_call=_mapped(self.per_call, request),
        )

    def tokens_scaled(self, factor: Decimal) -> UnitPrices:
        """Return these prices with those of tokens times ``factor``; fees stay, units are unknown.

        What a tier or a region multiplies is tokens; nobody says so of units.
        """
        if factor == 1:
            return self
        return replace(
            self.scaled(factor),
            requests=self.requests,
            per_call=self.per_call,
            units=dict[str, "Decimal"](),
        )

    def completed(self, more: UnitPrices) -> UnitPrices:
        """Return these prices; where one is unknown, that of ``more``."""
        return replace(
            self,
            **{
                name: getattr(more, name)
                for name in TOKEN_KINDS
                if getattr(self, name) is None and getattr(more, name) is not None
            },
            requests={**more.requests, **self.requests},
            units={**more.units, **self.units},
            per_call=more.per_call if self.per_call == 0 else self.per_call,
        )

    def without(self, *kinds: str) -> UnitPrices:
        """Return these prices with those of some kinds of tokens unknown."""
        return replace(self, **dict.fromkeys(kinds))


TOKEN_KINDS: Final = tuple(
    item.name for item in fields(UnitPrices) if item.name not in {"requests", "units", "per_call"}
)
"""The kinds of tokens that can have a price, as ``usd_per_mtok`` in a price file names them."""

CACHE_KINDS: Final = tuple(kind for kind in TOKEN_KINDS if kind.startswith("cache"))

BY_KIND: Final = "search_context_"
"""Before the size of the search that a call was made with: the kinds of calls with own fees."""

UNIT_KINDS: Final = (
    "images",
    "audio_seconds",
    "speech_seconds",
    "video_seconds",
    "characters",
    "pages",
    "search_units",
    "classifications",
)
"""What can be billed by neither token nor call, as ``usd_per_unit`` in a price file names it."""


def _mapped(price: Decimal | None, change: Callable[[Decimal], Decimal]) -> Decimal | None:
    return None if price is None else change(price)


@dataclass(frozen=True, slots=True)
class Band:
    """Prices for prompts longer than ``above_tokens``; they apply to every token of the call."""

    above_tokens: int
    """Input tokens, cached ones included; the band starts at one more."""
    prices: UnitPrices


@dataclass(frozen=True, slots=True)
class PriceSchedule:
    """Unit prices by length of the prompt. ``bands`` ascend; the first holds from 0 on."""

    bands: tuple[Band, ...]

    def at(self, input_tokens: int) -> UnitPrices:
        """Return the prices of a call with ``input_tokens`` in all, cached included."""
        for band in reversed(self.bands):
            if input_tokens > band.above_tokens:
                return band.prices
        return self.bands[0].prices

    def scaled(self, factor: Decimal) -> PriceSchedule:
        """Return this schedule with every price times ``factor``."""
        return self.changed(lambda prices: prices.scaled(factor))

    def changed(self, change: Callable[[UnitPrices], UnitPrices]) -> PriceSchedule:
        """Return this schedule with ``change`` made in every band."""
        return PriceSchedule(
            tuple(Band(band.above_tokens, change(band.prices)) for band in self.bands)
        )

    def completed(self, more: PriceSchedule) -> PriceSchedule:
        """Return this schedule; where a price is unknown, that of ``more`` at the same length."""
        starts = sorted({band.above_tokens for band in (*self.bands, *more.bands)})
        return PriceSchedule(
            tuple(Band(start, self.at(start + 1).completed(more.at(start + 1))) for start in starts)
        )


def flat(prices: UnitPrices) -> PriceSchedule:
    """Return a schedule of one band: the length of the prompt does not matter."""
    return PriceSchedule((Band(0, prices),))
