"""Stored calls without a cost are priced as the price book says, and only they."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.config import load_settings
from llmtrace.errors import PriceFileError
from llmtrace.otlp.rows import SpanRow
from llmtrace.records import TokenUsage
from llmtrace.store.pricing import row_usage, settings_pricer

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.otlp.rows import Pricer

CALL = SpanRow(
    trace_id=b"t" * 16,
    span_id=1,
    start_time_us=1_788_220_800_000_000,  # 2026-09-01
    end_time_us=1_788_220_801_000_000,
    duration_ns=1_000_000_000,
    name="chat",
    is_inference=True,
    operation="chat",
    provider="openai",
    request_model="gpt-4o-mini",
    input_tokens=1_000,
    output_tokens=100,
    cost_source="unpriced",
)


@pytest.fixture(scope="module")
def pricer(tmp_path_factory: pytest.TempPathFactory) -> Pricer:
    return settings_pricer(load_settings({}, home=tmp_path_factory.mktemp("home")))


def test_a_call_is_priced_by_the_published_list(pricer: Pricer) -> None:
    priced = pricer(CALL)

    # gpt-4o-mini: 0.15 and 0.60 USD per million tokens.
    assert priced.cost_input_usd == Decimal("0.000150000000")
    assert priced.cost_output_usd == Decimal("0.000060000000")
    assert priced.cost_usd == Decimal("0.000210000000")
    assert priced.cost_source == "list"
    assert priced.price_version is not None


def test_pricing_changes_the_columns_of_money_alone(pricer: Pricer) -> None:
    named = {name: f"its {name}" for name in ("cache_status", "usage_anomaly", "request_body")}
    call = CALL._replace(**named, rate_limit_limit_requests=7)

    priced = pricer(call)

    money = {name: getattr(CALL, name) for name in SpanRow._fields if "cost" in name}
    money |= {"price_version": None, "cache_savings_usd": None}
    assert priced._replace(**money) == call
    assert None not in {getattr(priced, name) for name in money}


def test_cached_tokens_are_priced_once_at_their_own_rate(pricer: Pricer) -> None:
    priced = pricer(CALL._replace(cache_read_tokens=600))

    # Cached input of gpt-4o-mini: 0.075 USD per million tokens.
    assert priced.cost_input_usd == Decimal("0.000060000000")
    assert priced.cost_cache_read_usd == Decimal("0.000045000000")


def test_the_model_that_answered_is_the_one_that_is_priced(pricer: Pricer) -> None:
    priced = pricer(CALL._replace(request_model="mystery", response_model="gpt-4o-mini"))

    assert priced.cost_usd == Decimal("0.000210000000")


@pytest.mark.parametrize(
    "changes",
    [
        {"request_model": "a-model-nobody-knows"},
        {"request_model": None},
        {"provider": None, "request_model": "a-model-nobody-knows"},
        {"input_tokens": None, "output_tokens": None},
    ],
)
def test_what_has_no_price_or_no_tokens_stays_unpriced(
    changes: dict[str, None], pricer: Pricer
) -> None:
    priced = pricer(CALL._replace(**changes))

    assert (priced.cost_usd, priced.cost_source) == (None, "unpriced")


def test_tokens_that_are_not_all_known_give_an_estimate(pricer: Pricer) -> None:
    assert pricer(CALL._replace(output_tokens=None)).cost_source == "estimated"
    assert pricer(CALL._replace(usage_source="estimated")).cost_source == "estimated"


def test_an_impossible_count_never_raises(pricer: Pricer) -> None:
    priced = pricer(CALL._replace(input_tokens=2**63 - 1))

    assert (priced.cost_usd, priced.cost_source) == (None, "unpriced")


def test_buckets_are_disjoint_and_add_up() -> None:
    usage = row_usage(
        CALL._replace(
            cache_read_tokens=200,
            cache_write_tokens=300,
            cache_write_5m_tokens=100,
            cache_write_1h_tokens=50,
            audio_input_tokens=10,
            reasoning_tokens=40,
        )
    )

    assert usage == TokenUsage(
        input_uncached=490,
        cache_read=200,
        cache_write_5m=100,
        cache_write_1h=50,
        cache_write_other=150,
        input_audio=10,
        output_text=60,
        output_reasoning=40,
    )


def test_parts_beyond_their_whole_are_cut_to_it() -> None:
    usage = row_usage(CALL._replace(cache_read_tokens=5_000, reasoning_tokens=5_000))

    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (1_000, 100)


def test_the_providers_own_object_is_read_where_it_is_kept() -> None:
    raw = '{"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 3}'

    usage = row_usage(CALL._replace(api="anthropic.messages", usage_raw=raw))

    assert usage is not None
    assert (usage.input_uncached, usage.cache_read, usage.output_text) == (5, 7, 3)


@pytest.mark.parametrize("raw", ["", "{", "[" * 100_000, "5"])
def test_an_object_that_cannot_be_read_leaves_the_columns(raw: str) -> None:
    usage = row_usage(CALL._replace(api="anthropic.messages", usage_raw=raw))

    assert usage is not None
    assert usage.input_tokens == 1_000


def test_a_wrong_price_file_is_told_before_anything_is_stored(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text("prices: [nonsense")

    with pytest.raises(PriceFileError, match=r"prices\.yaml"):
        settings_pricer(load_settings({}, home=tmp_path))


def test_fees_and_units_in_the_attributes_are_priced(pricer: Pricer) -> None:
    searched = {"llmtrace.usage.requests.web_search": "2"}
    spoken = {"llmtrace.usage.units.audio_seconds": "90.5", "llmtrace.usage.units.odd": "x"}
    whisper = CALL._replace(
        operation="transcription",
        request_model="whisper-1",
        input_tokens=None,
        output_tokens=None,
    )

    assert pricer(CALL._replace(attributes=searched)).cost_tools_usd == Decimal("0.02")
    assert pricer(whisper._replace(attributes=spoken)).cost_usd == Decimal("0.00905")
    assert pricer(whisper._replace(attributes=spoken)).cost_source == "list"


def test_units_that_are_no_amounts_are_not_believed(pricer: Pricer) -> None:
    row = CALL._replace(input_tokens=None, output_tokens=None)

    for text in ("-1", "NaN", "1e30", "many", ""):
        assert (
            pricer(row._replace(attributes={"llmtrace.usage.units.images": text})).cost_usd is None
        )


def test_a_batch_costs_what_batches_cost(pricer: Pricer) -> None:
    whole, batch = (pricer(CALL._replace(service_tier=tier)).cost_usd for tier in (None, "batch"))

    assert whole is not None
    assert batch == whole / 2


def test_the_region_is_read_from_the_host_and_the_usage(pricer: Pricer) -> None:
    claude = CALL._replace(
        provider="anthropic",
        request_model="claude-opus-4-6",
        api="anthropic.messages",
        usage_raw='{"input_tokens": 1000000, "output_tokens": 0, "inference_geo": "us"}',
    )
    europe = CALL._replace(
        request_model="gpt-5.4-mini", attributes={"server.address": "eu.api.openai.com"}
    )
    anywhere = pricer(europe._replace(attributes={})).cost_usd

    assert pricer(claude).cost_usd == Decimal("5.5")
    assert anywhere is not None
    assert pricer(europe).cost_usd == anywhere * Decimal("1.1")
