"""From the real SDK to the store: tokens and money equal arithmetic done by hand.

Each case names what the provider sent and what it costs, worked out on the price pages (USD per
million tokens, read in November 2026): gpt-5 1.25 in, 0.125 cached, 10 out, half of each with flex;
gpt-5-mini 0.25, 0.025, 2; claude-sonnet-4-6 3 in, 0.30 read, 3.75 write 5 m, 6 write 1 h, 15 out.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

import llmtrace
from llmtrace import semconv
from llmtrace.otlp.decode import decode
from llmtrace.spool import list_segments, read_frames
from llmtrace.store.connect import connect
from llmtrace.testing.provider import LocalProvider, Reply, UsageFrom, faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ASK: Any = [{"role": "user", "content": "hello, how are you today?"}]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[LocalProvider]:
    llmtrace.instrument(home=tmp_path)
    with LocalProvider() as running:
        yield running
    llmtrace.uninstrument()


def chat(provider: LocalProvider, model: str = "gpt-5", **arguments: Any) -> Any:
    client = openai.OpenAI(base_url=provider.openai_url, api_key="none", max_retries=0)
    return client.chat.completions.create(model=model, messages=ASK, **arguments)


def message(provider: LocalProvider, model: str = "claude-sonnet-4-6") -> Any:
    client = anthropic.Anthropic(base_url=provider.anthropic_url, api_key="none", max_retries=0)
    return client.messages.create(model=model, max_tokens=64, messages=ASK)


def stored(home: Path) -> dict[str, Any]:
    assert llmtrace.flush(10)
    with connect(home) as db:
        (row,) = db.sql("select * from llm_calls").rows()
    return row


def test_openai_cached_and_reasoning_tokens_are_paid_once(
    provider: LocalProvider, tmp_path: Path
) -> None:
    usage = {
        "prompt_tokens": 2000,
        "completion_tokens": 500,
        "total_tokens": 2500,
        "prompt_tokens_details": {"cached_tokens": 1536},
        "completion_tokens_details": {"reasoning_tokens": 320},
    }
    provider.enqueue(Reply(usage=usage))

    chat(provider)

    row = stored(tmp_path)
    assert (row["input_tokens"], row["cache_read_tokens"]) == (2000, 1536)
    assert (row["output_tokens"], row["reasoning_tokens"]) == (500, 320)
    # 464 x 1.25 = 580; 1536 x 0.125 = 192; 500 x 10 = 5000 millionths
    assert row["cost_usd"] == Decimal("0.005772")
    assert row["cost_cache_read_usd"] == Decimal("0.000192")
    assert row["cost_source"] == "list"
    assert row["cache_status"] == "hit"


def test_anthropic_cache_reads_and_writes_have_prices_of_their_own(
    provider: LocalProvider, tmp_path: Path
) -> None:
    usage = {
        "input_tokens": 100,
        "output_tokens": 50,
        "cache_read_input_tokens": 4000,
        "cache_creation_input_tokens": 3000,
        "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 2000},
        "service_tier": "standard",
    }
    provider.enqueue(Reply(usage=usage))

    message(provider)

    row = stored(tmp_path)
    assert row["input_tokens"] == 7100
    assert (row["cache_write_5m_tokens"], row["cache_write_1h_tokens"]) == (1000, 2000)
    # 100 x 3 = 300; 4000 x 0.3 = 1200; 1000 x 3.75 = 3750; 2000 x 6 = 12000; 50 x 15 = 750
    assert row["cost_usd"] == Decimal("0.018")
    assert row["cost_cache_write_usd"] == Decimal("0.01575")


def test_a_flex_call_is_paid_at_the_tier_that_served_it(
    provider: LocalProvider, tmp_path: Path
) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    provider.enqueue(Reply(usage=usage))

    chat(provider, service_tier="flex")

    row = stored(tmp_path)
    assert row["service_tier"] == "flex"
    # 1000 x 0.625 = 625; 100 x 5 = 500
    assert row["cost_usd"] == Decimal("0.001125")


def test_a_stream_without_usage_is_estimated_and_says_so(
    provider: LocalProvider, tmp_path: Path
) -> None:
    for _ in chat(provider, model="gpt-5-mini", stream=True):
        pass

    row = stored(tmp_path)
    assert row["usage_source"] == "estimated"
    assert row["cost_source"] == "estimated"
    assert row["input_tokens"] > 0
    assert row["output_tokens"] > 0
    assert row["cost_usd"] > 0
    assert row["cache_read_tokens"] is None


def test_an_answer_without_usage_has_no_tokens_and_no_cost(
    provider: LocalProvider, tmp_path: Path
) -> None:
    provider.enqueue(Reply(usage=UsageFrom.NOWHERE))

    chat(provider)

    row = stored(tmp_path)
    assert (row["input_tokens"], row["output_tokens"]) == (None, None)
    assert row["cost_usd"] is None
    assert row["is_unpriced"]


def test_an_unknown_model_is_unpriced_and_its_tokens_are_kept(
    provider: LocalProvider, tmp_path: Path
) -> None:
    chat(provider, model="house-model-1")

    row = stored(tmp_path)
    assert row["cost_usd"] is None
    assert row["cost_source"] == "unpriced"
    assert row["is_unpriced"]
    assert row["input_tokens"] > 0


def test_a_refused_call_costs_nothing_and_lacks_no_price(
    provider: LocalProvider, tmp_path: Path
) -> None:
    provider.enqueue(faults.refused(401))

    with pytest.raises(openai.AuthenticationError):
        chat(provider)

    row = stored(tmp_path)
    assert row["cost_usd"] is None
    assert not row["is_unpriced"]
    assert row["http_status"] == 401


def test_your_price_file_wins_over_the_list(provider: LocalProvider, tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(
        "- {model: gpt-5-mini, usd_per_mtok: {input: 1, output: 3}}\n"
    )
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    provider.enqueue(Reply(usage=usage))

    chat(provider, model="gpt-5-mini")

    row = stored(tmp_path)
    # 1000 x 1 + 100 x 3
    assert row["cost_usd"] == Decimal("0.0013")
    assert row["cost_source"] == "override"
    assert row["price_version"] == "prices.yaml:1"


def test_a_broken_price_file_prices_nothing_and_says_so(
    provider: LocalProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "prices.yaml").write_text("- {model: gpt-5-mini, usd_per_mtok: {inputt: 1}}\n")

    chat(provider, model="gpt-5-mini")

    assert llmtrace.flush(10)
    (segment,) = list_segments(tmp_path / "spool")
    (sent,) = decode(read_frames(segment).frames[0].payload).spans
    assert "prices.yaml:1" in caplog.text
    assert sent.attributes[semconv.COST_SOURCE] == "unpriced"
    assert semconv.COST_TOTAL not in sent.attributes
