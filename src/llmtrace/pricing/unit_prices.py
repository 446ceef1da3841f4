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
    """Round a price per request to the 12 decimals of the store."""
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
    per_call: Decimal = Decimal(0)
    """USD for the invocation itself, beside its tokens (Perplexity)."""

    def scaled(self, factor: Decimal) -> UnitPrices:
        """Return these prices times ``factor``, each rounded as a price is."""

        def token(price: Decimal) -> Decimal:
            return to_mtok_price(EXACT.multiply(price, factor))

        def request(price: Decimal) -> Decimal:
            return to_request_price(EXACT.multiply(price, factor))

        return replace(
            self,
            **{name: _mapped(getattr(self, name), token) for name in TOKEN_KINDS},
            requests={kind: request(price) for kind, price in self.requests.items()},
            per_call=request(self.per_call),
        )


TOKEN_KINDS: Final = tuple(
    item.name for item in fields(UnitPrices) if item.name not in {"requests", "per_call"}
)
"""The kinds of tokens that can have a price, as ``usd_per_mtok`` in a price file names them."""


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
        return PriceSchedule(
            tuple(Band(band.above_tokens, band.prices.scaled(factor)) for band in self.bands)
        )


def flat(prices: UnitPrices) -> PriceSchedule:
    """Return a schedule of one band: the length of the prompt does not matter."""
    return PriceSchedule((Band(0, prices),))
