"""Counts times unit prices: pure, exact, in USD. Knows no model, no date, no price list."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from llmtrace.pricing.unit_prices import BY_KIND, EXACT
from llmtrace.records import Cost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.pricing.unit_prices import UnitPrices
    from llmtrace.records import CostSource, TokenUsage

MAX_USD: Final = Decimal(1_000_000)
"""What the store's DECIMAL(18,12) cannot hold."""

_ZERO: Final = Decimal(0)
_STORED: Final = Decimal("1e-12")

_READS: Final = ("cache_read", "cache_read_audio", "cache_read_image")
_WRITES: Final = ("cache_write_5m", "cache_write_1h", "cache_write")
_PLAIN: Final = {"cache_read_audio": "audio_input", "cache_read_image": "image_input"}

_INPUT_UNITS: Final = ("audio_seconds", "characters", "pages", "classifications")
_OUTPUT_UNITS: Final = ("images", "speech_seconds", "video_seconds")

_TWINS: Final = {
    "audio_seconds": ("audio_input",),
    "images": ("image_output", "image_input"),
    "speech_seconds": ("audio_output",),
    "video_seconds": ("video_output",),
}
"""Two measures of one thing: a provider may tell both the units and the tokens, and bills one."""

_Lines = dict[str, tuple[int, "Decimal | None"]]
"""Kind of tokens → how many, and USD per million."""


def list_cost(
    usage: TokenUsage,
    prices: UnitPrices,
    *,
    calls: int = 1,
    source: CostSource = "list",
    price_version: str | None = None,
) -> Cost:
    """Price one invocation in USD, exact (no rounding); the parts add up to the total.

    Or, at once, as many ``calls`` as ``usage`` is the sum of: all at these prices, each of them
    with the same kinds of tokens and without units. The cost is then the sum of theirs.

    Unpriced, with the reason, if a kind of tokens, requests or units that occurs has no price: a
    sum that leaves one out would look like a cost. ``price_version`` is put on the cost and named
    in the reason.
    """
    missing: list[str] = []
    lines = _lines(usage, prices)
    units = _units(missing, usage, prices, lines)
    parts = {
        "input_usd": _sum(missing, lines, "input", "audio_input", "image_input", "video_input"),
        "output_usd": _sum(
            missing, lines, "output", "reasoning", "audio_output", "image_output", "video_output"
        ),
        "cache_read_usd": _sum(missing, lines, *_READS),
        "cache_write_usd": _sum(missing, lines, *_WRITES),
        "tools_usd": _fees(missing, usage, prices, calls),
    }
    if missing:
        who = price_version or "the price list"
        return unpriced(f"{who} has no price for {', '.join(missing)} of this model")
    for kind, usd in units.items():
        part = _part_of(kind)
        parts[part] = EXACT.add(parts[part], usd)
    total = _ZERO
    for usd in parts.values():
        total = EXACT.add(total, usd)
    if total >= MAX_USD * calls:
        return unpriced(f"it would cost {total:,.2f} USD: the counts cannot be right")
    return Cost(
        total_usd=total,
        source=source,
        input_usd=parts["input_usd"],
        output_usd=parts["output_usd"],
        cache_read_usd=parts["cache_read_usd"],
        cache_write_usd=parts["cache_write_usd"],
        tools_usd=parts["tools_usd"],
        cache_savings_usd=_savings(lines),
        price_version=price_version,
    )


def unpriced(reason: str) -> Cost:
    """Return a cost that nobody knows, and why."""
    return Cost(total_usd=None, source="unpriced", reason=reason)


def free(source: CostSource, price_version: str) -> Cost:
    """Return a cost of 0 that somebody stated: a local model, a price file's ``free: true``."""
    return Cost(
        total_usd=_ZERO,
        source=source,
        input_usd=_ZERO,
        output_usd=_ZERO,
        cache_read_usd=_ZERO,
        cache_write_usd=_ZERO,
        tools_usd=_ZERO,
        cache_savings_usd=_ZERO,
        price_version=price_version,
    )


def _lines(usage: TokenUsage, prices: UnitPrices) -> _Lines:
    return {
        "input": (usage.input_uncached, prices.input),
        "audio_input": (usage.input_audio, prices.audio_input),
        "image_input": (usage.input_image, prices.image_input),
        "video_input": (usage.input_video, prices.video_input),
        "output": (usage.output_text, prices.output),
        "reasoning": (usage.output_reasoning, prices.reasoning),
        "audio_output": (usage.output_audio, prices.audio_output),
        "image_output": (usage.output_image, prices.image_output),
        "video_output": (usage.output_video, prices.video_output),
        "cache_read": (usage.cache_read, prices.cache_read),
        "cache_read_audio": (usage.cache_read_audio, prices.cache_read_audio),
        "cache_read_image": (usage.cache_read_image, prices.cache_read_image),
        "cache_write_5m": (usage.cache_write_5m, prices.cache_write_5m),
        "cache_write_1h": (usage.cache_write_1h, prices.cache_write_1h),
        "cache_write": (usage.cache_write_other, prices.cache_write),
    }


def _units(
    missing: list[str], usage: TokenUsage, prices: UnitPrices, lines: _Lines
) -> dict[str, Decimal]:
    """Return the USD of the units that are billed; ``lines`` loses the tokens that they stand for.

    Where the same thing is told in tokens that have a price, the tokens are billed.
    """
    usd: dict[str, Decimal] = {}
    for kind, amount in usage.units.items():
        twins = [twin for twin in _TWINS.get(kind, ()) if lines[twin][0]]
        if not amount or any(lines[twin][1] is not None for twin in twins):
            continue
        price = prices.units.get(kind)
        if price is None:
            missing.append(kind)
        else:
            usd[kind] = EXACT.multiply(price, amount).quantize(_STORED, context=EXACT)
        for twin in twins:
            lines[twin] = (0, None)
    return usd


def _part_of(unit: str) -> str:
    if unit in _INPUT_UNITS:
        return "input_usd"
    return "output_usd" if unit in _OUTPUT_UNITS else "tools_usd"


def _sum(missing: list[str], lines: _Lines, *kinds: str) -> Decimal:
    """Return the USD of some lines of tokens; kinds without a price go to ``missing``."""
    usd = _ZERO
    for kind in kinds:
        count, price = lines[kind]
        if not count:
            continue
        if price is None:
            missing.append(kind)
        else:
            usd = EXACT.fma(price, count, usd)
    return EXACT.scaleb(usd, -6) if usd else _ZERO


def _fees(missing: list[str], usage: TokenUsage, prices: UnitPrices, calls: int) -> Decimal:
    usd = _ZERO
    if prices.per_call is not None:
        usd = EXACT.multiply(prices.per_call, calls)
    elif not any(kind.startswith(BY_KIND) for kind in usage.requests):
        missing.append("the request, by its search context")
    for kind, count in usage.requests.items():
        price = prices.requests.get(kind)
        if not count:
            continue
        if price is None:
            missing.append(kind)
        else:
            usd = EXACT.fma(price, count, usd)
    return usd


def _savings(lines: Mapping[str, tuple[int, Decimal | None]]) -> Decimal | None:
    """Return what the cached tokens would have cost more (or less) as plain input.

    One formula for both ways: a read is cheaper than input and saves, a write is dearer and costs.
    Audio and images are held against their own plain prices.
    """
    usd = _ZERO
    for kind in (*_READS, *_WRITES):
        count, price = lines[kind]
        if not count:
            continue
        plain = lines[_PLAIN.get(kind, "input")][1]
        if plain is None or price is None:
            return None
        usd = EXACT.fma(EXACT.subtract(plain, price), count, usd)
    return EXACT.scaleb(usd, -6) if usd else _ZERO
