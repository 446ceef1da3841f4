"""The published prices: the data as it is, and where we do not follow the library's sums."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from genai_prices.data import providers

from llmtrace.pricing.calculate import list_cost
from llmtrace.pricing.list_prices import ListPrices
from llmtrace.pricing.unit_prices import TOKEN_KINDS, UnitPrices
from llmtrace.records import TokenUsage

_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_LIST = ListPrices()


def _prices(provider: str, model: str, input_tokens: int = 1) -> UnitPrices:
    listed = _LIST.look_up(provider, model, _NOON, tier=None, batch=False)
    assert listed.schedule is not None
    return listed.schedule.at(input_tokens)


def test_the_version_names_the_data() -> None:
    assert _LIST.version == f"genai-prices {genai_prices.__version__}"


@pytest.mark.parametrize(
    ("kind", "usd"),
    [
        ("input", "5"),
        ("cache_read", "0.5"),
        ("cache_write_5m", "6.25"),
        ("cache_write", "6.25"),
        ("cache_write_1h", "10"),
        ("output", "25"),
        ("reasoning", "25"),
        ("image_input", "5"),
    ],
)
def test_anthropics_kinds_have_their_published_prices(kind: str, usd: str) -> None:
    assert getattr(_prices("anthropic", "claude-opus-4-5"), kind) == Decimal(usd)


def test_anthropics_fees_are_by_the_request() -> None:
    assert _prices("anthropic", "claude-opus-4-5").requests == {
        "web_search": Decimal("0.01"),
        "web_fetch": Decimal(0),
    }


def test_a_fee_that_depends_on_the_search_is_no_fee_for_every_call() -> None:
    prices = _prices("perplexity", "sonar")

    assert prices.per_call is None
    assert prices.requests["search_context_high"] == Decimal("0.012")


def test_caching_without_a_price_is_unpriced_except_where_it_is_documented_as_input() -> None:
    assert _prices("together", "openai/gpt-oss-120b").cache_read is None
    assert _prices("mistral_ai", "mistral-large").cache_read == Decimal("0.2")
    assert _prices("cerebras", "gpt-oss-120b").cache_read == Decimal("0.35")
    assert _prices("openai", "gpt-4o-2024-05-13").cache_read == 5
    assert _prices("openai", "gpt-4o").cache_write == Decimal("2.5")
    assert _prices("openai", "gpt-4o").cache_write_1h is None


def test_audio_without_a_price_is_unpriced_where_the_library_bills_it_as_text() -> None:
    assert _prices("openai", "gpt-4o-audio-preview").audio_input is None


def test_a_resellers_models_have_the_makers_fallbacks() -> None:
    assert _prices("azure.ai.openai", "gpt-4o-2024-05-13").cache_read == 5


def test_prices_have_at_most_the_stores_decimals() -> None:
    listed = [
        _LIST.look_up(provider.id, model.id, _NOON, tier=None, batch=False).schedule
        for provider in providers
        for model in provider.models[:60]
    ]

    prices = [
        price
        for schedule in listed
        if schedule is not None  # some ids, as "ft:gpt-4o", are the beginning of a name
        for kind in TOKEN_KINDS
        if (price := getattr(schedule.at(1), kind)) is not None
    ]
    assert len(prices) > 2000
    assert all(price == price.quantize(Decimal("1e-6")) for price in prices)


def test_every_openai_and_anthropic_model_costs_what_the_library_says() -> None:
    """An independent sum over the same data: plain, cached and long prompts of each model."""
    usages = [
        (1_000, 0, 100),
        (1_000, 5_000, 100),
        (150_000, 60_000, 5_000),
        (300_000, 10_000, 1_000),
    ]
    compared = 0

    for provider in providers:
        if provider.id not in {"openai", "anthropic"}:
            continue
        for model in provider.models:
            listed = _LIST.look_up(provider.id, model.id, _NOON, tier=None, batch=False)
            if listed.schedule is None:  # some ids, as "ft:gpt-4o", are the beginning of a name
                continue
            for plain, cached, made in usages:
                prices = listed.schedule.at(plain + cached)
                usage = TokenUsage(input_uncached=plain, cache_read=cached, output_text=made)
                ours = list_cost(usage, prices).total_usd
                if ours is None:
                    continue
                theirs = genai_prices.calc_price(
                    genai_prices.Usage(
                        input_tokens=plain + cached, cache_read_tokens=cached, output_tokens=made
                    ),
                    model.id,
                    provider_id=provider.id,
                    genai_request_timestamp=_NOON,
                )
                assert (model.id, ours) == (model.id, theirs.total_price)
                compared += 1

    assert compared > 300
