"""Which entry of the user's file prices a call."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.pricing import PriceBook, load_overrides
from llmtrace.records import TokenUsage

if TYPE_CHECKING:
    from pathlib import Path

_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_MTOK = TokenUsage(input_uncached=1_000_000)


def _price(tmp_path: Path, text: str, model: str, **more: Any) -> Any:
    path = tmp_path / "prices.yaml"
    path.write_text(text, encoding="utf-8")
    given = {"provider": "openai", "at": _NOON, "usage": _MTOK} | more
    return PriceBook(load_overrides(path)).price(model=model, **given)


@pytest.mark.parametrize(
    ("glob", "model", "is_priced"),
    [
        ("my-*", "my-model", True),
        ("My-Model", "my-model", True),
        ("my-model", "MY-MODEL", True),
        ("my-model", "models/my-model", True),
        ("my-model", "my-model-2026-01-01", True),
        ("my-?", "my-x", True),
        ("my-model", "my-model-2", False),
        ("*", "anything", True),
    ],
)
def test_a_glob_matches_the_models_names(
    tmp_path: Path, glob: str, model: str, is_priced: bool
) -> None:
    cost = _price(tmp_path, f"- {{model: '{glob}', usd_per_mtok: {{input: 3}}}}", model)

    assert (cost.total_usd == 3) == is_priced


def test_the_first_entry_that_matches_wins(tmp_path: Path) -> None:
    text = """
- {model: gpt-x-mini, usd_per_mtok: {input: 1}}
- {model: gpt-x*, usd_per_mtok: {input: 5}}
"""

    assert _price(tmp_path, text, "gpt-x-mini").total_usd == 1
    assert _price(tmp_path, text, "gpt-x-max").total_usd == 5


@pytest.mark.parametrize(("provider", "usd"), [("azure.ai.openai", 7), ("openai", None)])
def test_an_entry_may_be_for_one_provider(tmp_path: Path, provider: str, usd: int | None) -> None:
    text = "- {model: gpt-x, provider: azure, usd_per_mtok: {input: 7}}"

    assert _price(tmp_path, text, "gpt-x", provider=provider).total_usd == usd


@pytest.mark.parametrize(
    ("day", "usd"), [("2026-02-28", 1), ("2026-03-01", 2), ("2026-03-31", 2), ("2026-04-01", 3)]
)
def test_an_entry_holds_from_its_first_day_until_before_its_last(
    tmp_path: Path, day: str, usd: int
) -> None:
    text = """
- {model: gpt-x, until: 2026-03-01, usd_per_mtok: {input: 1}}
- {model: gpt-x, from: 2026-03-01, until: 2026-04-01, usd_per_mtok: {input: 2}}
- {model: gpt-x, from: 2026-04-01, usd_per_mtok: {input: 3}}
"""
    at = datetime.fromisoformat(day).replace(tzinfo=UTC, hour=23)

    assert _price(tmp_path, text, "gpt-x", at=at).total_usd == usd


@pytest.mark.parametrize(
    ("tier", "usd"), [(None, 1), ("default", 1), ("flex", 2), ("priority", None), ("batch", 4)]
)
def test_prices_hold_for_the_tier_they_name(
    tmp_path: Path, tier: str | None, usd: int | None
) -> None:
    text = """
- {model: gpt-x, usd_per_mtok: {input: 1}}
- {model: gpt-x, tier: flex, usd_per_mtok: {input: 2}}
- {model: gpt-x, tier: batch, usd_per_mtok: {input: 4}}
"""

    assert _price(tmp_path, text, "gpt-x", service_tier=tier).total_usd == usd


def test_a_star_means_any_tier(tmp_path: Path) -> None:
    text = "- {model: gpt-x, tier: '*', usd_per_mtok: {input: 1}}"

    assert _price(tmp_path, text, "gpt-x", service_tier="scale").total_usd == 1
    assert _price(tmp_path, text, "gpt-x", batch=True).total_usd == 1


@pytest.mark.parametrize(("tier", "usd"), [(None, "1.125"), ("flex", "0.5625")])
def test_a_discount_is_taken_off_the_list_price_of_any_tier(
    tmp_path: Path, tier: str | None, usd: str
) -> None:
    cost = _price(tmp_path, "- {model: gpt-5, discount: 0.1}", "gpt-5", service_tier=tier)

    assert (cost.total_usd, cost.source) == (Decimal(usd), "override")
    assert cost.price_version.startswith("prices.yaml:1 on genai-prices ")


def test_a_discount_is_taken_off_fees_and_in_every_band(tmp_path: Path) -> None:
    usage = TokenUsage(input_uncached=300_000, requests={"web_search": 1})

    cost = _price(tmp_path, "- {model: gpt-5.5, discount: 0.5}", "gpt-5.5", usage=usage)

    assert cost.input_usd == Decimal("1.5")  # 0.3 Mtok at half of 10
    assert cost.tools_usd == Decimal("0.005")


def test_a_discount_on_an_unknown_model_leaves_it_unpriced(tmp_path: Path) -> None:
    cost = _price(tmp_path, "- {model: '*', discount: 0.1}", "no-such-model")

    assert cost.total_usd is None
    assert "does not know model" in cost.reason


def test_free_is_zero_by_statement(tmp_path: Path) -> None:
    cost = _price(tmp_path, "- {model: my-*, free: true}", "my-model")

    assert (cost.total_usd, cost.source, cost.price_version) == (0, "override", "prices.yaml:1")


def test_a_kind_of_tokens_that_an_entry_does_not_price_leaves_the_call_unpriced(
    tmp_path: Path,
) -> None:
    usage = TokenUsage(input_uncached=1, cache_read=1)

    cost = _price(tmp_path, "- {model: my-*, usd_per_mtok: {input: 1}}", "my-model", usage=usage)

    assert cost.reason == "prices.yaml:1 has no price for cache_read of this model"


def test_what_follows_from_a_price_is_filled_in(tmp_path: Path) -> None:
    text = "- {model: my-*, usd_per_mtok: {input: 1, output: 2, cache_write: 4}}"
    usage = TokenUsage(
        input_image=1_000_000,
        cache_write_5m=1_000_000,
        cache_write_1h=1_000_000,
        output_reasoning=1_000_000,
    )

    assert _price(tmp_path, text, "my-model", usage=usage).total_usd == 1 + 4 + 4 + 2


def test_a_price_for_five_minutes_is_none_for_an_hour(tmp_path: Path) -> None:
    text = "- {model: my-*, usd_per_mtok: {input: 1, cache_write_5m: 4}}"

    unsaid = _price(tmp_path, text, "my-x", usage=TokenUsage(cache_write_other=1_000_000))
    hour = _price(tmp_path, text, "my-x", usage=TokenUsage(cache_write_1h=1_000_000))

    assert unsaid.total_usd == 4
    assert hour.total_usd is None


def test_fees_are_by_request_and_by_call(tmp_path: Path) -> None:
    text = "- {model: my-*, usd_per_request: {web_search: 0.01, request: 0.5}}"

    cost = _price(tmp_path, text, "my-x", usage=TokenUsage(requests={"web_search": 3}))

    assert cost.tools_usd == cost.total_usd == Decimal("0.53")


def test_units_have_prices_of_their_own(tmp_path: Path) -> None:
    usage = TokenUsage(units={"pages": Decimal(3), "images": Decimal(1)})
    text = "- {model: my-*, usd_per_unit: {pages: 0.001, images: 0.04}}"

    assert _price(tmp_path, text, "my-x", usage=usage).total_usd == Decimal("0.043")


def test_a_contract_is_a_discount_for_all_of_a_provider_with_exceptions_before_it(
    tmp_path: Path,
) -> None:
    text = """
- {provider: openai, model: gpt-5, from: 2026-01-01, until: 2027-01-01, discount: 0.5}
- {provider: openai, from: 2026-01-01, until: 2027-01-01, discount: 0.2, note: "EA 4711"}
"""
    after = datetime(2027, 1, 1, tzinfo=UTC)

    assert _price(tmp_path, text, "gpt-5").total_usd == Decimal("0.625")
    assert _price(tmp_path, text, "gpt-5-mini").total_usd == Decimal("0.2")
    assert _price(tmp_path, text, "gpt-5-mini", at=after).total_usd == Decimal("0.25")
    assert _price(tmp_path, text, "mistral-large", provider="mistral_ai").source == "list"


def test_a_note_is_kept_for_people(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("- {provider: openai, discount: 0.2, note: 'EA 4711, 50 kUSD a year'}")
    book = PriceBook(load_overrides(path))

    assert book.quote("openai", "gpt-5", _NOON).note == "EA 4711, 50 kUSD a year"


@pytest.mark.parametrize(
    ("region", "usd"), [("eu-west-1", 2), ("EU-central-1", 2), ("us-east-1", 3), (None, 3)]
)
def test_an_entry_may_be_for_some_regions(tmp_path: Path, region: str | None, usd: int) -> None:
    text = """
- {model: my-*, region: "eu-*", usd_per_mtok: {input: 2}}
- {model: my-*, usd_per_mtok: {input: 3}}
"""

    assert _price(tmp_path, text, "my-x", region=region).total_usd == usd


def test_the_discount_is_taken_off_the_regions_price(tmp_path: Path) -> None:
    text = "- {provider: anthropic, discount: 0.5}"

    cost = _price(tmp_path, text, "claude-opus-4-6", provider="anthropic", region="us")

    assert (cost.total_usd, cost.source) == (Decimal("2.75"), "override")


@pytest.mark.parametrize(
    ("day", "usd"),
    [("2026-01-01", "2.16"), ("2026-06-30", "2.16"), ("2026-07-01", "2.3"), ("2026-12-01", "2.3")],
)
def test_other_currencies_are_worth_what_they_were_on_the_day(
    tmp_path: Path, day: str, usd: str
) -> None:
    text = """
fx:
  EUR: [{from: 2026-07-01, usd: 1.15}, {from: 2026-01-01, usd: 1.08}]
prices:
  - {model: my-*, from: 2026-01-01, currency: EUR, per_mtok: {input: 2}}
"""
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)

    cost = _price(tmp_path, text, "my-x", at=at)

    assert (cost.total_usd, cost.price_version) == (Decimal(usd), "prices.yaml:5")


def test_fees_and_units_are_in_the_currency_too(tmp_path: Path) -> None:
    text = """
fx: {JPY: [{from: 2026-01-01, usd: 0.0066}]}
prices:
  - model: my-*
    from: 2026-01-01
    currency: JPY
    per_request: {request: 100}
    per_unit: {images: 10}
"""
    usage = TokenUsage(units={"images": Decimal(2)})

    assert _price(tmp_path, text, "my-x", usage=usage).total_usd == Decimal("0.792")
