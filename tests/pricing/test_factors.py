"""Published multipliers: tiers, batch, regions; each with its page, none by guess."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from llmtrace.pricing import PriceBook
from llmtrace.pricing.factors import REGIONS, TIERS, region_factor, tier_factor
from llmtrace.records import TokenUsage

_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_BOOK = PriceBook()
_MTOK = TokenUsage(input_uncached=1_000_000)


def _usd(provider: str, model: str, at: datetime = _NOON, **more: Any) -> Decimal | None:
    return _BOOK.price(provider, model, at, more.pop("usage", _MTOK), **more).total_usd


def test_every_fact_names_its_page() -> None:
    assert all(fact.source.startswith("https://") for fact in (*TIERS, *REGIONS))


def test_no_fact_begins_in_the_future() -> None:
    assert all(fact.since <= date(2026, 11, 21) for fact in (*TIERS, *REGIONS))


def test_flex_is_half_where_the_list_has_no_flex_price_yet() -> None:
    july = datetime(2026, 7, 13, tzinfo=UTC)
    usage = TokenUsage(input_uncached=100_000, cache_read=100_000, output_text=100_000)

    standard = _usd("openai", "gpt-5.6-luna", july, usage=usage)

    flex = _usd("openai", "gpt-5.6-luna", july, usage=usage, service_tier="flex")

    assert (standard, flex) == (Decimal("0.71"), Decimal("0.355"))


def test_flex_before_its_first_day_is_unpriced() -> None:
    before = datetime(2025, 4, 16, 23, tzinfo=UTC)

    assert _usd("openai", "o3", before, service_tier="flex") is None


def test_flex_at_groq_is_the_standard_price_with_its_fees_and_units() -> None:
    usage = TokenUsage(units={"audio_seconds": Decimal(3600)})

    assert _usd("groq", "openai/gpt-oss-120b", service_tier="flex") == _usd(
        "groq", "openai/gpt-oss-120b"
    )
    assert _usd("groq", "whisper-large-v3", service_tier="flex", usage=usage) == pytest.approx(
        Decimal("0.111"), abs=Decimal("1e-8")
    )


def test_googles_traffic_types_are_tiers() -> None:
    model = "gemini-3.5-flash"

    assert _usd("gcp.vertex_ai", model, service_tier="ON_DEMAND") == Decimal("1.5")
    assert _usd("gcp.vertex_ai", model, service_tier="ON_DEMAND_FLEX") == Decimal("0.75")
    assert _usd("gcp.vertex_ai", model, service_tier="ON_DEMAND_PRIORITY") is None
    assert _usd("gcp.vertex_ai", model, service_tier="PROVISIONED_THROUGHPUT") is None


def test_anthropics_batch_is_half_of_everything_cached_too() -> None:
    at = datetime(2026, 1, 10, tzinfo=UTC)
    usage = TokenUsage(input_uncached=1_000_000, cache_read=1_000_000, output_text=1_000_000)

    whole = _usd("anthropic", "claude-haiku-4-5", at, usage=usage)

    assert whole is not None
    assert _usd("anthropic", "claude-haiku-4-5", at, usage=usage, batch=True) == whole / 2
    assert _usd("anthropic", "claude-haiku-4-5", at, usage=usage, service_tier="batch") == whole / 2


def test_what_a_page_does_not_speak_of_stays_unpriced() -> None:
    at = datetime(2025, 1, 10, tzinfo=UTC)
    cached = TokenUsage(input_uncached=1, cache_read=1)

    assert _usd("openai", "gpt-4o", at, batch=True) == Decimal("1.25")
    assert _usd("openai", "gpt-4o", at, batch=True, usage=cached) is None


def test_a_tier_does_not_change_fees_and_leaves_units_unknown() -> None:
    at = datetime(2026, 7, 13, tzinfo=UTC)
    searched = TokenUsage(input_uncached=100_000, requests={"web_search": 1})
    spoken = TokenUsage(units={"audio_seconds": Decimal(60)})

    assert _usd("openai", "gpt-5.6-luna", at, service_tier="flex", usage=searched) == Decimal(
        "0.06"
    )
    assert _usd("openai", "whisper-1", at, batch=True, usage=spoken) is None


@pytest.mark.parametrize(
    ("provider", "model", "region", "usd"),
    [
        ("anthropic", "claude-opus-4-6", "us", "5.5"),
        ("anthropic", "claude-opus-4-6", "global", "5"),
        ("anthropic", "claude-sonnet-4-5", "not_available", "6"),
        ("openai", "gpt-5.6-luna", "eu", "0.44"),
        ("openai", "gpt-5.6-luna", "EU ", "0.44"),
        ("openai", "gpt-5-mini", "eu", "0.25"),
        ("together", "openai/gpt-oss-120b", "us", "0.1875"),
        ("gcp.vertex_ai", "claude-opus-4-6", "europe-west1", "5.5"),
        ("gcp.vertex_ai", "claude-opus-4-6", "global", "5"),
        ("gcp.vertex_ai", "gemini-3.8-flash", "us-central1", "0.825"),
        ("aws.bedrock", "global.anthropic.claude-opus-4-6-v1", "eu-west-1", "5"),
        ("aws.bedrock", "eu.anthropic.claude-opus-4-6-v1", "eu-west-1", "5.5"),
        ("groq", "openai/gpt-oss-120b", "anywhere", "0.15"),
    ],
)
def test_a_region_has_its_published_price(provider: str, model: str, region: str, usd: str) -> None:
    cost = _BOOK.price(provider, model, _NOON, _MTOK, region=region)

    assert (cost.total_usd, cost.source) == (Decimal(usd), "list")


@pytest.mark.parametrize(
    ("provider", "model", "region"),
    [
        ("anthropic", "claude-opus-4-6", "mars"),
        ("openai", "gpt-99", "eu"),
        ("aws.bedrock", "amazon.nova-lite-v1:0", "eu-west-1"),
        ("azure.ai.openai", "gpt-5", "datazone"),
    ],
)
def test_a_region_that_nobody_publishes_makes_the_cost_an_estimate(
    provider: str, model: str, region: str
) -> None:
    cost = _BOOK.price(provider, model, _NOON, _MTOK, region=region)

    assert cost.source in {"estimated", "unpriced"}
    if cost.source == "estimated":
        assert cost.price_version is not None
        assert cost.price_version.endswith(f", not of {region}")


def test_a_model_of_a_region_that_is_not_told_of_is_not_known_to_cost_the_same() -> None:
    assert region_factor("openai", ("gpt-99",), _NOON.date(), "eu") is None
    assert region_factor("openai", ("gpt-99",), _NOON.date(), None) == 1


def test_batch_at_a_tier_is_published_by_nobody() -> None:
    assert tier_factor("openai", ("gpt-5",), _NOON.date(), "flex", batch=True) is None
