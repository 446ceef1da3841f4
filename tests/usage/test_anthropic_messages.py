"""Anthropic messages: the cache beside the input, lifetimes, thinking, iterations."""

from __future__ import annotations

from typing import Any

import pytest

from llmtrace.records import TokenUsage
from llmtrace.usage.anthropic_messages import read


def test_everything_in_is_input_and_cache_together() -> None:
    usage = read(
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 200,
            "cache_creation_input_tokens": 70,
            "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 40},
            "output_tokens": 25,
            "output_tokens_details": {"thinking_tokens": 15},
            "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
        }
    )

    assert usage == TokenUsage(
        input_uncached=10,
        cache_read=200,
        cache_write_5m=30,
        cache_write_1h=40,
        output_text=10,
        output_reasoning=15,
        requests={"web_search": 2},
    )
    assert usage is not None
    assert usage.input_tokens == 280


@pytest.mark.parametrize("raw", [None, {}, "x", [1], {"service_tier": "standard"}])
def test_what_says_nothing_is_unknown(raw: Any) -> None:
    assert read(raw) is None


def test_a_missing_end_makes_the_usage_partial() -> None:
    usage = read({"input_tokens": 10})

    assert usage is not None
    assert (usage.source, usage.anomaly) == ("partial", "output tokens are missing")


@pytest.mark.parametrize(
    ("split", "together", "buckets"),
    [
        ({"5m": 10, "1h": 0}, 10, (10, 0, 0)),
        ({}, 10, (0, 0, 10)),
        ({"5m": 10, "1h": 0}, 25, (25, 0, 0)),
        ({"5m": 0, "1h": 10}, 25, (0, 25, 0)),
        ({"5m": 4, "1h": 6}, 25, (4, 6, 15)),
        ({"5m": 0, "1h": 0}, 25, (0, 0, 25)),
        ({"5m": 20, "1h": 10}, 25, (20, 10, 0)),
    ],
)
def test_cache_writes_go_to_the_lifetime_that_is_known(
    split: dict[str, int], together: int, buckets: tuple[int, int, int]
) -> None:
    usage = read(
        {
            "input_tokens": 1,
            "output_tokens": 1,
            "cache_creation_input_tokens": together,
            "cache_creation": {f"ephemeral_{ttl}_input_tokens": n for ttl, n in split.items()},
        }
    )

    assert usage is not None
    assert (usage.cache_write_5m, usage.cache_write_1h, usage.cache_write_other) == buckets
    is_flagged = bool(split) and sum(split.values()) != together
    assert ("cache writes by lifetime" in (usage.anomaly or "")) == is_flagged


def test_compaction_is_added_because_the_top_level_leaves_it_out() -> None:
    usage = read(
        {
            "input_tokens": 220,
            "output_tokens": 8,
            "iterations": [
                {
                    "type": "compaction",
                    "input_tokens": 100,
                    "cache_read_input_tokens": 55,
                    "cache_creation_input_tokens": 7,
                    "output_tokens": 83,
                },
                {"type": "message", "input_tokens": 220, "output_tokens": 8},
            ],
        }
    )

    assert usage == TokenUsage(
        input_uncached=320, cache_read=55, cache_write_other=7, output_text=91
    )


def test_tokens_of_another_model_are_noted_not_added() -> None:
    usage = read(
        {
            "input_tokens": 10,
            "output_tokens": 5,
            "iterations": [
                {
                    "type": "advisor_message",
                    "model": "claude-opus-4-8",
                    "input_tokens": 2518,
                    "output_tokens": 22,
                }
            ],
        }
    )

    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (10, 5)
    assert usage.anomaly == (
        "2518 input and 22 output tokens of claude-opus-4-8 in an iteration are not counted here"
    )


def test_more_thinking_than_output_is_cut_and_noted() -> None:
    usage = read(
        {"input_tokens": 1, "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 9}}
    )

    assert usage is not None
    assert (usage.output_text, usage.output_reasoning) == (0, 5)
    assert usage.anomaly == "reasoning tokens (9) is more than there can be (5)"
