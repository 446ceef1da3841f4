"""Tokens times unit prices: pure, exact, in USD. Knows no model, no date, no price list."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from llmtrace.pricing.unit_prices import EXACT
from llmtrace.records import Cost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.pricing.unit_prices import UnitPrices
    from llmtrace.records import CostSource, TokenUsage

MAX_USD: Final = Decimal(1_000_000)
"""What the store's DECIMAL(18,12) cannot hold."""

_ZERO: Final = Decimal(0)

_Line = tuple[str, int, "Decimal | None"]


def list_cost(
    usage: TokenUsage,
    prices: UnitPrices,
    *,
    source: CostSource = "list",
    price_version: str | None = None,
) -> Cost:
    """Price one invocation in USD, exact (no rounding); the parts add up to the total.

    Unpriced, with the reason, if a kind of tokens or requests that occurs has no price: a sum that
    leaves one out would look like a cost. ``price_version`` is put on the cost and named in the
    reason.
    """
    missing: list[str] = []
    reads: tuple[_Line, ...] = (
        ("cache_read", usage.cache_read, prices.cache_read),
        ("cache_read_audio", usage.cache_read_audio, prices.cache_read_audio),
        ("cache_read_image", usage.cache_read_image, prices.cache_read_image),
    )
    writes: tuple[_Line, ...] = (
        ("cache_write_5m", usage.cache_write_5m, prices.cache_write_5m),
        ("cache_write_1h", usage.cache_write_1h, prices.cache_write_1h),
        ("cache_write", usage.cache_write_other, prices.cache_write),
    )
    input_usd = _sum(
        missing,
        ("input", usage.input_uncached, prices.input),
        ("audio_input", usage.input_audio, prices.audio_input),
        ("image_input", usage.input_image, prices.image_input),
        ("video_input", usage.input_video, prices.video_input),
    )
    output_usd = _sum(
        missing,
        ("output", usage.output_text, prices.output),
        ("reasoning", usage.output_reasoning, prices.reasoning),
        ("audio_output", usage.output_audio, prices.audio_output),
        ("image_output", usage.output_image, prices.image_output),
        ("video_output", usage.output_video, prices.video_output),
    )
    read_usd = _sum(missing, *reads)
    write_usd = _sum(missing, *writes)
    tools_usd = _fees(missing, usage, prices)
    if missing:
        who = price_version or "the price list"
        return unpriced(f"{who} has no price for {', '.join(missing)} of this model")
    total = _ZERO
    for part in (input_usd, output_usd, read_usd, write_usd, tools_usd):
        total = EXACT.add(total, part)
    if total >= MAX_USD:
        return unpriced(f"it would cost {total:,.2f} USD: the counts cannot be right")
    return Cost(
        total_usd=total,
        source=source,
        input_usd=input_usd,
        output_usd=output_usd,
        cache_read_usd=read_usd,
        cache_write_usd=write_usd,
        tools_usd=tools_usd,
        cache_savings_usd=_savings(
            (*reads, *writes),
            prices.input,
            {"cache_read_audio": prices.audio_input, "cache_read_image": prices.image_input},
        ),
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


def _sum(missing: list[str], *lines: _Line) -> Decimal:
    """Return the USD of some lines of tokens; kinds without a price go to ``missing``."""
    usd = _ZERO
    for kind, count, price in lines:
        if not count:
            continue
        if price is None:
            missing.append(kind)
        else:
            usd = EXACT.fma(price, count, usd)
    return EXACT.scaleb(usd, -6) if usd else _ZERO


def _fees(missing: list[str], usage: TokenUsage, prices: UnitPrices) -> Decimal:
    usd = prices.per_call
    for kind, count in usage.requests.items():
        price = prices.requests.get(kind)
        if not count:
            continue
        if price is None:
            missing.append(kind)
        else:
            usd = EXACT.fma(price, count, usd)
    return usd


def _savings(
    lines: tuple[_Line, ...], plain: Decimal | None, own: Mapping[str, Decimal | None]
) -> Decimal | None:
    """Return what the cached tokens would have cost more (or less) as plain input.

    One formula for both ways: a read is cheaper than input and saves, a write is dearer and costs.
    ``own`` are the plain prices of the kinds that are no text.
    """
    usd = _ZERO
    for kind, count, price in lines:
        if not count:
            continue
        input_price = own.get(kind, plain)
        if input_price is None or price is None:
            return None
        usd = EXACT.fma(EXACT.subtract(input_price, price), count, usd)
    return EXACT.scaleb(usd, -6) if usd else _ZERO
