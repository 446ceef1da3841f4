"""Response caches in front of a provider: what they say, and what that costs."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import openai
import pytest

from llmtrace.instrument.gateways import read_gateway
from llmtrace.testing.provider import Reply

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded


def ask(provider: LocalProvider) -> None:
    client = openai.OpenAI(base_url=provider.openai_url, api_key="any")
    client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "Where is my parcel?"}]
    )


@pytest.mark.parametrize(
    ("header", "value", "status", "name"),
    [
        ("Helicone-Cache", "HIT", "hit", "helicone"),
        ("helicone-cache", "MISS", "miss", "helicone"),
        ("cf-aig-cache-status", "HIT", "hit", "cloudflare"),
        ("x-portkey-cache-status", "SEMANTIC HIT", "hit", "portkey"),
        ("x-portkey-cache-status", "DISABLED", "bypass", "portkey"),
        ("X-Cache-Status", "Bypass", "bypass", "kong"),
        ("x-litellm-cache-key", "f3b1c0", "hit", "litellm"),
        ("x-litellm-cache-key", "None", None, None),
        ("cf-aig-cache-status", "\xff\xfe", None, None),
        ("cf-cache-status", "HIT", None, None),
    ],
)
def test_a_gateway_says_whether_its_cache_answered(
    header: str, value: str, status: str | None, name: str | None
) -> None:
    word = read_gateway([(header.encode(), value.encode("latin-1"))])

    assert (word.cache_status, word.cache_name) == (status, name)


@pytest.mark.parametrize(
    ("value", "cost"),
    [
        (b"0.00015", Decimal("0.00015")),
        (b"1.2e-05", Decimal("0.000012")),
        (b"0", Decimal(0)),
        (b"-1", None),
        (b"NaN", None),
        (b"inf", None),
        (b"free", None),
        (b"9" * 60, None),
    ],
)
def test_litellm_says_what_a_call_cost(value: bytes, cost: Decimal | None) -> None:
    assert read_gateway([(b"X-LiteLLM-Response-Cost", value)]).cost_usd == cost


def test_a_cached_answer_costs_nothing_and_saved_its_price(
    provider: LocalProvider, recorded: Recorded
) -> None:
    ask(provider)
    provider.enqueue(Reply(headers={"cf-aig-cache-status": "HIT"}))
    ask(provider)

    full, cached = (span["attributes"] for span in recorded.spans())
    assert full["llmtrace.cost.total_usd"] > 0
    assert cached["llmtrace.cost.total_usd"] == 0
    assert cached["llmtrace.cost.cache_savings_usd"] == full["llmtrace.cost.total_usd"]
    assert cached["llmtrace.cache.status"] == "hit"
    assert cached["llmtrace.cache.name"] == "cloudflare"
    assert cached["llmtrace.price.version"] == "response cache (cloudflare)"
    assert cached["gen_ai.usage.input_tokens"] == full["gen_ai.usage.input_tokens"]
    assert "llmtrace.cache.name" not in full


def test_a_gateways_price_is_taken_where_the_provider_states_none(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(Reply(headers={"x-litellm-response-cost": "0.00042"}))
    ask(provider)

    attributes = recorded.attributes()
    assert attributes["llmtrace.cost.total_usd"] == 0.00042
    assert attributes["llmtrace.cost.source"] == "provider"
