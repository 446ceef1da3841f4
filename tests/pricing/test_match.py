"""Names of models, providers and tiers."""

from __future__ import annotations

import pytest

from llmtrace.pricing.match import is_local, model_names, price_provider, service_tier


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
