"""Usage as frameworks tell it."""

from __future__ import annotations

import pytest

from llmtrace import semconv
from llmtrace.records import TokenUsage
from llmtrace.usage import read_usage

LANGCHAIN = {
    "input_tokens": 350,
    "output_tokens": 240,
    "total_tokens": 590,
    "input_token_details": {"audio": 10, "cache_creation": 200, "cache_read": 100},
    "output_token_details": {"audio": 10, "reasoning": 200},
}


def read(raw: object) -> TokenUsage | None:
    return read_usage(semconv.API_FRAMEWORK, raw)


def test_langchain_counts_cached_and_written_tokens_inside_the_input() -> None:
    assert read(LANGCHAIN) == TokenUsage(
        input_uncached=40,
        cache_read=100,
        cache_write_other=200,
        input_audio=10,
        output_text=30,
        output_reasoning=200,
        output_audio=10,
    )


def test_langchain_tells_anthropics_lifetimes_and_a_creation_of_nothing_beside_them() -> None:
    details = {
        "cache_read": 100,
        "cache_creation": 0,
        "ephemeral_5m_input_tokens": 200,
        "ephemeral_1h_input_tokens": 30,
    }

    assert read({"input_tokens": 350, "output_tokens": 5, "input_token_details": details}) == (
        TokenUsage(
            input_uncached=20,
            cache_read=100,
            cache_write_5m=200,
            cache_write_1h=30,
            output_text=5,
        )
    )


def test_pydantic_ai_names_its_parts_apart() -> None:
    raw = {
        "input_tokens": 100,
        "output_tokens": 20,
        "cache_read_tokens": 40,
        "cache_write_tokens": 10,
        "input_audio_tokens": 5,
        "details": {"reasoning_tokens": 8},
    }

    assert read(raw) == TokenUsage(
        input_uncached=45,
        cache_read=40,
        cache_write_other=10,
        input_audio=5,
        output_text=12,
        output_reasoning=8,
    )


def test_the_agents_sdk_keeps_openais_details() -> None:
    raw = {
        "input_tokens": 100,
        "output_tokens": 20,
        "total_tokens": 120,
        "input_tokens_details": {"cached_tokens": 40},
        "output_tokens_details": {"reasoning_tokens": 8},
    }

    assert read(raw) == TokenUsage(
        input_uncached=60, cache_read=40, output_text=12, output_reasoning=8
    )


def test_llama_index_hands_on_what_the_provider_said() -> None:
    assert read({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}) == TokenUsage(
        input_uncached=7, output_text=3
    )


@pytest.mark.parametrize("raw", [None, {}, [], "x", {"total_cost": 0}, {"input_tokens": None}])
def test_what_tells_no_tokens_is_unknown(raw: object) -> None:
    assert read(raw) is None


@pytest.mark.parametrize("count", [-1, "many", 1e30, True, [1]])
def test_a_count_that_cannot_be_is_noted_and_makes_the_rest_partial(count: object) -> None:
    usage = read({"input_tokens": count, "output_tokens": 3})

    assert usage is not None
    assert usage.source == "partial"
    assert usage.anomaly
