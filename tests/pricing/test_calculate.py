"""Tokens times prices: exact, additive, and unpriced where a price is missing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.pricing.calculate import list_cost
from llmtrace.pricing.unit_prices import (
    TOKEN_KINDS,
    UNIT_KINDS,
    Band,
    PriceSchedule,
    UnitPrices,
)
from llmtrace.records import TokenUsage

_KINDS = {
    "input_uncached": "input",
    "cache_read": "cache_read",
    "cache_read_audio": "cache_read_audio",
    "cache_read_image": "cache_read_image",
    "cache_write_5m": "cache_write_5m",
    "cache_write_1h": "cache_write_1h",
    "cache_write_other": "cache_write",
    "input_audio": "audio_input",
    "input_image": "image_input",
    "input_video": "video_input",
    "output_text": "output",
    "output_reasoning": "reasoning",
    "output_audio": "audio_output",
    "output_image": "image_output",
    "output_video": "video_output",
}
_count = st.integers(0, 10_000_000)
_price = st.decimals(0, 1000, places=6)
_usages = st.builds(TokenUsage, **dict.fromkeys(_KINDS, _count))
_prices = st.builds(UnitPrices, **dict.fromkeys(TOKEN_KINDS, _price))
_units = st.fixed_dictionaries(
    dict.fromkeys(UNIT_KINDS, st.integers(0, 10**8).map(lambda n: Decimal(n).scaleb(-3)))
)
_unit_prices = st.fixed_dictionaries(
    dict.fromkeys(UNIT_KINDS, st.integers(0, 10**12).map(lambda n: Decimal(n).scaleb(-12)))
)


def _added(one: TokenUsage, two: TokenUsage) -> TokenUsage:
    both: dict[str, Any] = {name: getattr(one, name) + getattr(two, name) for name in _KINDS}
    return TokenUsage(**both)


def test_every_bucket_has_a_price_of_its_own() -> None:
    assert set(_KINDS.values()) == set(TOKEN_KINDS)


@pytest.mark.parametrize(("bucket", "kind"), list(_KINDS.items()))
def test_a_bucket_is_priced_once_at_its_own_rate(bucket: str, kind: str) -> None:
    given: dict[str, Any] = dict.fromkeys(TOKEN_KINDS, Decimal(1000)) | {kind: Decimal("2.5")}
    consumed: dict[str, Any] = {bucket: 1_000_000}

    cost = list_cost(TokenUsage(**consumed), UnitPrices(**given))

    assert cost.total_usd == Decimal("2.5")


@pytest.mark.parametrize(("bucket", "kind"), list(_KINDS.items()))
def test_a_bucket_without_a_price_leaves_the_call_unpriced(bucket: str, kind: str) -> None:
    given: dict[str, Any] = {name: Decimal(1) for name in TOKEN_KINDS if name != kind}
    consumed: dict[str, Any] = {bucket: 1}

    cost = list_cost(TokenUsage(**consumed), UnitPrices(**given), price_version="my list")

    assert cost.total_usd is None
    assert cost.output_usd is None
    assert cost.source == "unpriced"
    assert cost.reason == f"my list has no price for {kind} of this model"


def test_a_fee_without_a_price_leaves_the_call_unpriced() -> None:
    cost = list_cost(TokenUsage(requests={"web_search": 1, "nothing": 0}), UnitPrices())

    assert cost.reason == "the price list has no price for web_search of this model"


def test_nothing_consumed_costs_nothing_even_without_prices() -> None:
    assert list_cost(TokenUsage(), UnitPrices()).total_usd == 0


def test_a_cost_that_the_store_cannot_hold_is_unpriced() -> None:
    cost = list_cost(TokenUsage(input_uncached=10**9), UnitPrices(input=Decimal(1000)))

    assert cost.reason == "it would cost 1,000,000.00 USD: the counts cannot be right"


def test_savings_without_an_input_price_are_unknown() -> None:
    cost = list_cost(TokenUsage(cache_read=5), UnitPrices(cache_read=Decimal(1)))

    assert cost.total_usd == Decimal("0.000005")
    assert cost.cache_savings_usd is None


@given(_usages, _prices)
def test_a_cost_is_never_negative_and_its_parts_add_up(
    usage: TokenUsage, prices: UnitPrices
) -> None:
    cost = list_cost(usage, prices)

    if cost.total_usd is None:
        assert "cannot be right" in (cost.reason or "")
        return
    parts = [
        cost.input_usd,
        cost.output_usd,
        cost.cache_read_usd,
        cost.cache_write_usd,
        cost.tools_usd,
    ]
    known = [part for part in parts if part is not None]
    assert len(known) == 5
    assert all(part >= 0 for part in known)
    assert sum(known) == cost.total_usd


@given(_usages, _usages, _prices)
def test_untiered_cost_is_additive(one: TokenUsage, two: TokenUsage, prices: UnitPrices) -> None:
    apart = [list_cost(usage, prices).total_usd for usage in (one, two)]
    together = list_cost(_added(one, two), prices).total_usd

    if together is not None:
        assert None not in apart
        assert sum(part for part in apart if part is not None) == together


@given(_usages, _prices)
def test_a_cost_has_at_most_twelve_decimals(usage: TokenUsage, prices: UnitPrices) -> None:
    total = list_cost(usage, prices).total_usd

    if total is not None:
        assert total == total.quantize(Decimal("1e-12"))


@given(_usages, _prices)
def test_savings_are_what_the_same_tokens_would_cost_uncached(
    usage: TokenUsage, prices: UnitPrices
) -> None:
    cost = list_cost(usage, prices)
    as_text = usage.cache_read + usage.cache_write
    rest: dict[str, Any] = {
        name: getattr(usage, name) for name in _KINDS if not name.startswith("cache")
    }
    plain = TokenUsage(**rest)
    read = TokenUsage(
        input_uncached=as_text,
        input_audio=usage.cache_read_audio,
        input_image=usage.cache_read_image,
    )
    uncached = list_cost(_added(plain, read), prices)

    if cost.total_usd is not None and uncached.total_usd is not None:
        assert cost.cache_savings_usd == uncached.total_usd - cost.total_usd


@pytest.mark.parametrize(
    ("input_tokens", "usd"), [(0, 1), (1, 1), (100, 1), (101, 2), (200, 2), (201, 3), (10**9, 3)]
)
def test_a_band_begins_one_token_above_its_edge(input_tokens: int, usd: int) -> None:
    schedule = PriceSchedule(
        (
            Band(0, UnitPrices(input=Decimal(1))),
            Band(100, UnitPrices(input=Decimal(2))),
            Band(200, UnitPrices(input=Decimal(3))),
        )
    )

    assert schedule.at(input_tokens).input == usd


@given(_usages, _prices, st.sampled_from(list(_KINDS)), st.integers(1, 1_000_000))
def test_more_tokens_never_cost_less(
    usage: TokenUsage, prices: UnitPrices, bucket: str, more: int
) -> None:
    grown: dict[str, Any] = {bucket: getattr(usage, bucket) + more}

    before = list_cost(usage, prices).total_usd
    after = list_cost(replace(usage, **grown), prices).total_usd

    if before is not None and after is not None:
        assert after >= before


@given(_units, _unit_prices, st.sampled_from(UNIT_KINDS), st.integers(1, 1_000))
def test_more_units_never_cost_less_and_the_parts_add_up(
    units: dict[str, Decimal], prices: dict[str, Decimal], kind: str, more: int
) -> None:
    given = UnitPrices(units=prices)

    before = list_cost(TokenUsage(units=units), given)
    after = list_cost(TokenUsage(units={**units, kind: units[kind] + more}), given)

    for cost in (before, after):
        if cost.total_usd is not None:
            parts = (cost.input_usd, cost.output_usd, cost.tools_usd)
            assert sum(part for part in parts if part is not None) == cost.total_usd
            assert cost.total_usd == cost.total_usd.quantize(Decimal("1e-12"))
            assert cost.total_usd >= 0
    if before.total_usd is not None and after.total_usd is not None:
        assert after.total_usd >= before.total_usd


@pytest.mark.parametrize("kind", UNIT_KINDS)
def test_a_unit_is_priced_at_its_own_rate(kind: str) -> None:
    prices = UnitPrices(units=dict.fromkeys(UNIT_KINDS, Decimal(1000)) | {kind: Decimal("0.006")})

    cost = list_cost(TokenUsage(units={kind: Decimal("2.5")}), prices)

    assert cost.total_usd == Decimal("0.015")
    assert cost.total_usd == sum(
        part for part in (cost.input_usd, cost.output_usd, cost.tools_usd) if part is not None
    )


@pytest.mark.parametrize("kind", UNIT_KINDS)
def test_a_unit_without_a_price_leaves_the_call_unpriced(kind: str) -> None:
    prices = UnitPrices(input=Decimal(1), output=Decimal(1))

    cost = list_cost(TokenUsage(input_uncached=5, units={kind: Decimal(1)}), prices)

    assert cost.reason == f"the price list has no price for {kind} of this model"


def test_what_is_told_in_units_and_tokens_is_billed_once_by_tokens() -> None:
    usage = TokenUsage(input_audio=1_000_000, units={"audio_seconds": Decimal(60)})
    both = UnitPrices(audio_input=Decimal(6), units={"audio_seconds": Decimal(1)})

    assert list_cost(usage, both).total_usd == 6
    assert list_cost(usage, UnitPrices(audio_input=Decimal(6))).total_usd == 6


def test_what_is_told_in_units_and_tokens_is_billed_by_units_if_only_they_have_a_price() -> None:
    usage = TokenUsage(
        input_uncached=1_000_000, input_audio=375, units={"audio_seconds": Decimal(30)}
    )
    prices = UnitPrices(input=Decimal(1), units={"audio_seconds": Decimal("0.004")})

    assert list_cost(usage, prices).total_usd == Decimal("1.12")


def test_a_fee_that_depends_on_the_kind_of_call_needs_the_kind() -> None:
    prices = UnitPrices(per_call=None, requests={"search_context_low": Decimal("0.005")})

    low = list_cost(TokenUsage(requests={"search_context_low": 1}), prices)

    assert low.total_usd == low.tools_usd == Decimal("0.005")
    assert list_cost(TokenUsage(), prices).source == "unpriced"
