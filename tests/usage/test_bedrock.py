"""Bedrock: the vendor's counts, and Bedrock's own beside them."""

from __future__ import annotations

from typing import Any

import pytest

from llmtrace.records import TokenUsage
from llmtrace.usage.bedrock import METRICS_KEY, read_converse, read_invoke


def test_converse_counts_the_cache_beside_the_input() -> None:
    usage = read_converse(
        {
            "inputTokens": 3,
            "outputTokens": 61,
            "totalTokens": 2435,
            "cacheReadInputTokens": 2074,
            "cacheWriteInputTokens": 297,
            "cacheDetails": [{"ttl": "5m", "inputTokens": 297}],
        }
    )

    assert usage == TokenUsage(
        input_uncached=3, cache_read=2074, cache_write_5m=297, output_text=61
    )


@pytest.mark.parametrize(
    "raw",
    [
        {"inputTokens": 7, "outputTokens": 9},
        {"input_tokens": 7, "output_tokens": 9},
        {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16},
        {"prompt_token_count": 7, "generation_token_count": 9},
        {"inputTextTokenCount": 7, "tokenCount": 9},
        {METRICS_KEY: {"inputTokenCount": 7, "outputTokenCount": 9}},
        {"x-amzn-bedrock-input-token-count": "7", "x-amzn-bedrock-output-token-count": "9"},
    ],
)
def test_an_invoked_model_is_read_by_its_vendors_names(raw: dict[str, Any]) -> None:
    usage = read_invoke(raw)

    assert usage is not None
    assert (usage.input_uncached, usage.output_text) == (7, 9)
    assert usage.source == "provider"


def test_what_a_guardrail_took_out_of_the_body_is_in_bedrocks_own_counts() -> None:
    usage = read_invoke(
        {"inputTokens": 30, METRICS_KEY: {"inputTokenCount": 30, "outputTokenCount": 51}}
    )

    assert usage == TokenUsage(input_uncached=30, output_text=51)


def test_a_difference_between_the_two_is_flagged_and_the_vendors_kept() -> None:
    usage = read_invoke(
        {
            "input_tokens": 392,
            "output_tokens": 133,
            METRICS_KEY: {"inputTokenCount": 392, "outputTokenCount": 97},
        }
    )

    assert usage is not None
    assert usage.output_text == 133
    assert usage.anomaly == ("Bedrock counts 392 input and 97 output tokens, the model 392 and 133")


def test_a_body_without_any_counts_is_unknown() -> None:
    assert read_invoke({}) is None
    assert read_invoke({METRICS_KEY: {"invocationLatency": 3}}) is None
