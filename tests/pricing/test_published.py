"""Our own file of published prices: sound, sourced, and only where the price list has a gap."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import resources
from itertools import pairwise
from typing import Any

import pytest

from llmtrace.pricing import PriceBook
from llmtrace.pricing.list_prices import ListPrices
from llmtrace.pricing.match import resolve
from llmtrace.pricing.overrides import REQUEST_KINDS
from llmtrace.pricing.published import FILE, Published
from llmtrace.pricing.unit_prices import TOKEN_KINDS, UNIT_KINDS
from llmtrace.records import TokenUsage

_RAW: dict[str, Any] = json.loads(resources.files("llmtrace.pricing").joinpath(FILE).read_text())
_ENTRIES: list[dict[str, Any]] = _RAW["prices"]
_NAMES = [f"{raw['provider']}/{raw['models'][0]}/{raw.get('since')}" for raw in _ENTRIES]
_WRITES = {"cache_write_5m", "cache_write"}
_MTOK = TokenUsage(input_uncached=1_000_000)


@pytest.mark.parametrize("raw", _ENTRIES, ids=_NAMES)
def test_an_entry_says_what_from_where_and_when_it_was_read(raw: dict[str, Any]) -> None:
    assert raw.keys() <= {
        *("provider", "models", "since", "until", "tier", "source", "read", "bands"),
        *("usd_per_mtok", "usd_per_request", "usd_per_unit", "free", "assumes", "checked"),
    }
    assert raw["source"].startswith("https://")
    assert date.fromisoformat(raw["read"]) <= date.fromisoformat(_RAW["version"])
    assert all(name == name.lower() for name in raw["models"])
    assert raw.keys() & {"usd_per_mtok", "usd_per_request", "usd_per_unit", "free"}
    assert raw["provider"] == resolve(raw["provider"], "x")[0]


@pytest.mark.parametrize("raw", _ENTRIES, ids=_NAMES)
def test_an_entrys_kinds_are_known_and_its_prices_plausible(raw: dict[str, Any]) -> None:
    for part in (raw, *raw.get("bands", [])):
        tables = (
            ("usd_per_mtok", TOKEN_KINDS, 100),
            ("usd_per_request", REQUEST_KINDS, 1),
            ("usd_per_unit", UNIT_KINDS, 1),
        )
        for name, known, most in tables:
            assert part.get(name, {}).keys() <= set(known)
            # What nothing is charged for, as writing to a cache or a promotion, has the price 0.
            may_be_free = name == "usd_per_request" or part.get(name, {}).keys() <= _WRITES
            assert all(
                (price > 0 or (price == 0 and may_be_free)) and price <= most
                for price in part.get(name, {}).values()
            )


def test_bands_ascend() -> None:
    for raw in _ENTRIES:
        starts = [band["above_tokens"] for band in raw.get("bands", [])]
        assert starts == sorted(set(starts))


def test_days_of_one_model_do_not_overlap() -> None:
    for entry in Published().entries:
        others = [
            other
            for other in Published().entries
            if other.provider == entry.provider and other.models == entry.models
        ]
        spans = sorted((other.since or date.min, other.until or date.max) for other in others)
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_the_price_lists_word_stands_before_ours() -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    listed = ListPrices().look_up("x-ai", "grok-4.6", at, tier=None, batch=False).schedule
    book = PriceBook().quote("x_ai", "grok-4.6", at)

    assert listed is not None
    assert book.schedule is not None
    assert book.schedule.at(1).input == listed.at(1).input
    assert book.schedule.at(1).requests["web_search"] == Decimal("0.005")
    assert "genai-prices" in book.price_version
    assert "llmtrace" in book.price_version


@pytest.mark.parametrize(
    ("day", "usd"),
    [("2026-04-21", None), ("2026-05-26", "0.4"), ("2026-05-27", "0.14"), ("2026-10-14", None)],
)
def test_a_price_holds_on_its_days(day: str, usd: str | None) -> None:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    usage = TokenUsage(input_uncached=200_000, cache_read=0)

    cost = PriceBook().price("xiaomi", "mimo-v2.5", at, usage)

    assert cost.total_usd == (None if usd is None else Decimal(usd) / 5)


def test_longer_prompts_have_their_own_price() -> None:
    book, at = PriceBook(), datetime(2026, 2, 10, tzinfo=UTC)
    short, long = (TokenUsage(input_uncached=count) for count in (32_000, 32_001))

    assert book.price("alibaba", "qwen3-max", at, short).total_usd == Decimal("0.0384")
    assert book.price("alibaba", "qwen3-max", at, long).total_usd == Decimal("0.0768024")


def test_a_search_is_billed_by_its_size() -> None:
    book, at = PriceBook(), datetime(2026, 2, 10, tzinfo=UTC)
    found = [
        book.price(
            "perplexity", "sonar", at, TokenUsage(requests={f"search_context_{size}": 1})
        ).total_usd
        for size in ("low", "medium", "high")
    ]

    assert found == [Decimal("0.005"), Decimal("0.008"), Decimal("0.012")]
    unsaid = book.price("perplexity", "sonar", at, _MTOK)
    assert unsaid.reason is not None
    assert "the request, by its search context" in unsaid.reason


@pytest.mark.parametrize(
    ("provider", "model", "day", "is_free"),
    [
        ("openrouter", "google/gemini-2.0-flash-exp:free", "2025-05-20", True),
        ("openrouter", "some/model-that-no-list-has:free", "2026-11-20", True),
        ("gcp.gemini", "gemma-3-27b-it", "2025-11-29", True),
        ("pollinations", "gpt-4.1-nano-2025-04-14", "2025-08-30", True),
        ("pollinations", "gpt-4.1-nano-2025-04-14", "2026-08-30", False),
    ],
)
def test_what_is_given_away_costs_nothing_and_that_is_a_price(
    provider: str, model: str, day: str, *, is_free: bool
) -> None:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    usage = TokenUsage(input_uncached=100, cache_read=5, output_text=10, output_reasoning=5)

    cost = PriceBook().price(provider, model, at, usage)

    assert cost.total_usd == (Decimal(0) if is_free else None)


def test_a_fee_on_top_of_what_is_free_is_not_free() -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    usage = TokenUsage(input_uncached=100, requests={"web_search": 1})

    cost = PriceBook().price("openrouter", "a/model:free", at, usage)

    assert cost.total_usd is None


def test_a_price_that_the_call_does_not_decide_on_gives_an_estimate() -> None:
    at = datetime(2026, 7, 7, tzinfo=UTC)

    cost = PriceBook().price("snowflake", "claude-sonnet-4-6", at, _MTOK)

    assert cost.total_usd == 3
    assert cost.source == "estimated"
    assert cost.price_version == f"llmtrace {_RAW['version']}, assuming global routing"


def test_nova_writes_to_its_cache_for_nothing() -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    usage = TokenUsage(input_uncached=1_000_000, cache_write_other=2_000_000)

    cost = PriceBook().price("aws.bedrock", "us.amazon.nova-lite-v1:0", at, usage)

    assert cost.total_usd == Decimal("0.06")
    assert cost.cache_write_usd == 0


@pytest.mark.parametrize(
    ("day", "usd"), [("2025-11-03", "0"), ("2025-12-03", "0.005"), ("2026-11-20", "0.005")]
)
def test_a_promotion_ends(day: str, usd: str) -> None:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    usage = TokenUsage(requests={"web_search": 1})

    cost = PriceBook().price("x_ai", "grok-4-fast-reasoning", at, usage)

    assert cost.total_usd == Decimal(usd)
