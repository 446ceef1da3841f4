"""Names of models, providers and tiers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.pricing import PriceBook, load_overrides
from llmtrace.pricing.match import (
    is_local,
    model_names,
    price_provider,
    resolve,
    service_tier,
)
from llmtrace.records import TokenUsage

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("gpt-5", ("gpt-5",)),
        ("GPT-5 ", ("gpt-5",)),
        ("models/gemini-2.5-pro", ("models/gemini-2.5-pro", "gemini-2.5-pro")),
        (
            "projects/p/locations/l/publishers/google/models/gemini-2.5-pro",
            ("projects/p/locations/l/publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
        ),
        ("openai/gpt-5", ("openai/gpt-5", "gpt-5")),
        ("gpt-9-2026-01-31", ("gpt-9-2026-01-31", "gpt-9")),
        ("claude-9-20260131", ("claude-9-20260131", "claude-9")),
        ("claude-9@20260131", ("claude-9@20260131", "claude-9")),
        ("ft:gpt-9-2026-01-31:acme::1", ("ft:gpt-9-2026-01-31:acme::1", "ft:gpt-9-2026-01-31")),
        ("@cf/meta/llama-9-fp8", ("@cf/meta/llama-9-fp8",)),
        ("llama-9-awq", ("llama-9-awq",)),
        ("vendor/model-9:nitro", ("vendor/model-9:nitro", "model-9:nitro")),
        ("gemini-9@default", ("gemini-9@default", "gemini-9")),
        (
            "converse/us.amazon.nova-9-v1:0",
            (
                "converse/us.amazon.nova-9-v1:0",
                "us.amazon.nova-9-v1:0",
                "amazon.nova-9-v1:0",
            ),
        ),
        ("global.amazon.nova-9-v1:0", ("global.amazon.nova-9-v1:0",)),
        (
            "anthropic.claude-9-v1:0:200k",
            ("anthropic.claude-9-v1:0:200k", "anthropic.claude-9-v1:0"),
        ),
        ("openai.gpt-oss-120b", ("openai.gpt-oss-120b", "openai.gpt-oss-120b-1:0")),
        (
            "eu.anthropic.claude-9-20260131-v1:0",
            (
                "eu.anthropic.claude-9-20260131-v1:0",
                "anthropic.claude-9-20260131-v1:0",
                "eu.anthropic.claude-9",
                "anthropic.claude-9",
            ),
        ),
        ("", ()),
    ],
)
def test_a_model_is_looked_up_by_its_own_name_first(model: str, names: tuple[str, ...]) -> None:
    assert model_names(model) == names


def test_an_arn_is_looked_up_by_its_profile() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-9"

    assert model_names(arn) == (arn, "us.anthropic.claude-9", "anthropic.claude-9")


@pytest.mark.parametrize(
    ("provider", "found"),
    [
        ("openai", "openai"),
        ("OpenAI", "openai"),
        ("azure.ai.openai", "azure"),
        ("gcp.vertex_ai", "google"),
        ("x_ai", "x-ai"),
        ("mistral_ai", "mistral"),
        ("my-openai-proxy", "my-openai-proxy"),
    ],
)
def test_a_provider_has_its_price_lists_name(provider: str, found: str) -> None:
    assert price_provider(provider) == found


def test_every_mapped_provider_has_a_price_list() -> None:
    from genai_prices.data import providers

    from llmtrace.pricing.match import PRICE_PROVIDERS

    assert set(PRICE_PROVIDERS.values()) <= {provider.id for provider in providers}


@pytest.mark.parametrize(
    ("name", "batch", "expected"),
    [
        (None, False, (None, False)),
        ("default", True, (None, True)),
        ("Flex", False, ("flex", False)),
        ("batch", False, (None, True)),
        ("flex", True, ("flex", True)),
    ],
)
def test_a_tier_is_normalized(
    name: str | None, batch: bool, expected: tuple[str | None, bool]
) -> None:
    assert service_tier(name, batch=batch) == expected


def test_only_the_providers_name_makes_a_model_local() -> None:
    assert is_local("ollama", "llama3")
    assert not is_local("openai", "ollama/llama3")


@pytest.mark.parametrize(
    ("provider", "model", "found"),
    [
        ("huggingface", "org/model:together", ("huggingface_together", "org/model")),
        ("huggingface", "org/model:Fireworks-AI", ("huggingface_fireworks-ai", "org/model")),
        ("huggingface", "org/model", ("huggingface", "org/model")),
        ("huggingface_together", "org/model:fastest", ("huggingface_together", "org/model")),
        ("litellm", "bedrock/us.anthropic.claude-9", ("aws", "us.anthropic.claude-9")),
        ("litellm", "gpt-5", ("litellm", "gpt-5")),
        ("openrouter", "openai/gpt-5:nitro", ("openrouter", "openai/gpt-5:nitro")),
        ("openai", "ft:gpt-9:o::i", ("openai", "ft:gpt-9:o::i")),
        ("cloudflare", "@cf/meta/llama-9", ("cloudflare", "@cf/meta/llama-9")),
    ],
)
def test_a_routers_model_names_who_answers(
    provider: str, model: str, found: tuple[str, str]
) -> None:
    assert resolve(provider, model) == found


@pytest.mark.parametrize(
    ("provider", "model", "usd"),
    [
        ("openai", "gpt-5-2025-08-07", "1.25"),
        ("openai", "ft:gpt-4o-2024-08-06:acme::id", "3.75"),
        ("openai", "ft:gpt-99:acme::id", None),
        ("azure.ai.openai", "gpt-4o-2024-08-06", "2.5"),
        ("azure.ai.openai", "my-deployment", None),
        ("gcp.gemini", "models/gemini-2.5-flash", "0.3"),
        (
            "gcp.vertex_ai",
            "projects/p/locations/l/publishers/google/models/gemini-2.5-flash",
            "0.3",
        ),
        ("gcp.vertex_ai", "publishers/anthropic/models/claude-opus-4-6@default", "5"),
        ("aws.bedrock", "us.anthropic.claude-opus-4-6-v1", "5.5"),
        ("aws.bedrock", "global.anthropic.claude-opus-4-6-v1", "5"),
        (
            "aws.bedrock",
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-6-v1",
            "5.5",
        ),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", None),
        ("aws.bedrock", "anthropic.claude-3-haiku-20240307-v1:0:200k", "0.25"),
        ("aws.bedrock", "openai.gpt-oss-120b", "0.15"),
        ("openrouter", "openai/gpt-5", "1.25"),
        ("openrouter", "openai/gpt-5:online", None),
        ("openrouter", "some/model:free", "0"),
        ("huggingface", "openai/gpt-oss-120b:together", "0.15"),
        ("huggingface", "openai/gpt-oss-120b", None),
        ("huggingface", "openai/gpt-oss-120b:fastest", None),
        ("huggingface_together", "openai/gpt-oss-120b:fastest", "0.15"),
        # Not on the router's list, but on that of who answers, whose price it passes on.
        ("huggingface_fireworks-ai", "accounts/fireworks/models/deepseek-v4-pro", "1.74"),
        ("huggingface_nebius", "Qwen/Qwen3-4B-fast", "0.08"),
        ("huggingface_nobody", "openai/gpt-oss-120b", None),
        ("litellm", "azure/gpt-4o", "2.5"),
        ("cloudflare", "@cf/meta/llama-4-scout-17b-16e-instruct", "0.27"),
        ("cloudflare", "@cf/meta/gpt-4o", None),
        ("vercel", "openai/gpt-5", None),
    ],
)
def test_a_name_finds_its_price_or_none(provider: str, model: str, usd: str | None) -> None:
    cost = PriceBook().price(
        provider, model, datetime(2026, 11, 20, tzinfo=UTC), TokenUsage(input_uncached=100_000)
    )

    assert cost.total_usd == (None if usd is None else Decimal(usd) / 10)


def test_a_discount_from_who_answers_is_not_the_routers(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("- {provider: fireworks, discount: 0.5}\n", encoding="utf-8")
    book, at = PriceBook(load_overrides(file)), datetime(2026, 11, 20, tzinfo=UTC)
    model, usage = "accounts/fireworks/models/deepseek-v4-pro", TokenUsage(input_uncached=1_000_000)

    direct = book.price("fireworks", model, at, usage)
    routed = book.price("huggingface_fireworks-ai", model, at, usage)

    assert direct.total_usd == Decimal("0.87")
    assert routed.total_usd == Decimal("1.74")
