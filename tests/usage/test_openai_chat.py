"""Chat completions: parts inside their wholes, and the hosts that count otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from llmtrace.records import TokenUsage
from llmtrace.usage.openai_chat import read


def test_parts_are_taken_out_of_the_totals() -> None:
    usage = read(
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {
                "cached_tokens": 40,
                "cache_write_tokens": 10,
                "audio_tokens": 20,
                "image_tokens": 5,
            },
            "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 8},
        }
    )

    assert usage == TokenUsage(
        input_uncached=25,
        cache_read=40,
        cache_write_other=10,
        input_audio=20,
        input_image=5,
        output_text=12,
        output_reasoning=30,
        output_audio=8,
    )


@pytest.mark.parametrize(
    "raw", [None, {}, [], "12", 7, {"prompt_tokens": None}, {"other": 3}, {"prompt_tokens": -1}]
)
def test_what_says_nothing_is_unknown_not_zero(raw: Any) -> None:
    assert read(raw) is None


def test_stated_zeros_are_zeros() -> None:
    raw = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}

    assert read(raw) == TokenUsage()


def test_the_callers_word_on_a_cut_stream_is_kept() -> None:
    usage = read({"prompt_tokens": 5, "completion_tokens": 1}, "partial")

    assert usage == TokenUsage(input_uncached=5, output_text=1, source="partial")


def test_reasoning_outside_the_output_is_added_and_noted() -> None:
    usage = read(
        {
            "prompt_tokens": 12,
            "completion_tokens": 1,
            "total_tokens": 303,
            "completion_tokens_details": {"reasoning_tokens": 290},
        }
    )

    assert usage is not None
    assert (usage.output_text, usage.output_reasoning, usage.output_tokens) == (1, 290, 291)
    assert usage.anomaly == "reasoning tokens are not in the output but in the total: added"
    assert usage.source == "provider"


def test_audio_outside_the_input_is_added_and_noted() -> None:
    usage = read(
        {
            "prompt_tokens": 16,
            "completion_tokens": 2,
            "total_tokens": 393,
            "prompt_tokens_details": {"audio_tokens": 375},
        }
    )

    assert usage is not None
    assert (usage.input_uncached, usage.input_audio) == (16, 375)
    assert usage.anomaly == "audio tokens are not in the input but in the total: added"


def test_a_total_that_nothing_explains_is_noted_and_changes_nothing() -> None:
    usage = read({"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109})

    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (35, 12)
    assert usage.anomaly == "total tokens are 109, input and output are 47"


@pytest.mark.parametrize("total", [30, 191, None])
def test_cached_tokens_outside_the_input_are_added_and_noted(total: int | None) -> None:
    usage = read(
        {
            "prompt_tokens": 10,
            "completion_tokens": 20,
            "total_tokens": total,
            "prompt_tokens_details": {"cached_tokens": 161},
        }
    )

    assert usage is not None
    assert (usage.input_uncached, usage.cache_read, usage.input_tokens) == (10, 161, 171)
    assert usage.anomaly == "cached tokens (161) are not in the input (10): added"


def test_more_reasoning_than_output_is_cut_and_noted() -> None:
    usage = read(
        {"prompt_tokens": 92, "completion_tokens": 16, "total_tokens": 108, "reasoning_tokens": 18}
    )

    assert usage is not None
    assert (usage.output_text, usage.output_reasoning) == (0, 16)
    assert usage.anomaly == "reasoning tokens (18) is more than there can be (16)"


@pytest.mark.parametrize(
    "names",
    [
        {"prompt_cache_hit_tokens": 4},
        {"cached_tokens": 4},
        {"num_cached_tokens": 4},
        {"prompt_tokens_details": {"cached_tokens": 4}},
        {"prompt_tokens_details": {"cache_read_input_tokens": 4}},
    ],
)
def test_every_hosts_name_for_cached_tokens_is_read(names: dict[str, Any]) -> None:
    usage = read({"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11, **names})

    assert usage is not None
    assert (usage.input_uncached, usage.cache_read) == (6, 4)


def test_a_missing_end_is_taken_from_the_total_and_noted() -> None:
    with_input = read({"prompt_tokens": 10, "total_tokens": 25})
    with_output = read({"completion_tokens": 10, "total_tokens": 25})

    assert with_input is not None
    assert with_input.output_tokens == 15
    assert with_input.anomaly == "output tokens are missing; taken from the total"
    assert with_output is not None
    assert with_output.input_tokens == 15


def test_a_missing_end_without_a_total_makes_the_usage_partial() -> None:
    usage = read({"prompt_tokens": 10})

    assert usage is not None
    assert usage.source == "partial"
    assert usage.anomaly == "output tokens are missing"


def test_a_lone_total_is_counted_as_input_and_partial() -> None:
    usage = read({"total_tokens": 9})

    assert usage is not None
    assert (usage.input_tokens, usage.source) == (9, "partial")
    assert usage.anomaly == "only the total is known; counted as input"


def test_a_garbled_count_is_noted_and_the_rest_is_kept() -> None:
    usage = read({"prompt_tokens": "many", "completion_tokens": 5, "total_tokens": 25})

    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.source) == (20, 5, "partial")
    assert "prompt_tokens is not a whole number" in (usage.anomaly or "")


def test_cache_writes_kept_12_hours_are_noted() -> None:
    usage = read(
        {
            "prompt_tokens": 100,
            "completion_tokens": 1,
            "total_tokens": 101,
            "prompt_tokens_details": {
                "cache_write_tokens": 50,
                "cache_write_tokens_details": {"ttl_30m_tokens": 20, "ttl_12h_tokens": 30},
            },
        }
    )

    assert usage is not None
    assert usage.cache_write_other == 50
    assert usage.anomaly == "30 cache-write tokens are kept for 12 hours; one price is published"


def test_cache_writes_whose_lifetimes_do_not_add_up_are_noted() -> None:
    usage = read(
        {
            "prompt_tokens": 100,
            "completion_tokens": 1,
            "prompt_tokens_details": {
                "cache_write_tokens": 50,
                "cache_write_tokens_details": {"ttl_30m_tokens": 60, "ttl_12h_tokens": 0},
            },
        }
    )

    assert usage is not None
    assert usage.cache_write_other == 60
    assert usage.anomaly == "cache writes by lifetime are 60, together 50"


def test_image_tokens_that_overlap_the_cache_count_as_cached() -> None:
    usage = read(
        {
            "prompt_tokens": 100,
            "completion_tokens": 1,
            "total_tokens": 101,
            "prompt_tokens_details": {"cached_tokens": 80, "image_tokens": 90},
        }
    )

    assert usage is not None
    assert (usage.input_uncached, usage.cache_read, usage.input_image) == (0, 80, 20)
    assert usage.anomaly is None


def test_tools_that_the_usage_names_become_requests() -> None:
    usage = read(
        {
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "server_side_tool_usage_details": {"web_search_calls": 2, "x_search_calls": 3},
        }
    )
    other = read(
        {
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "server_tool_use_details": {"web_search_requests": 4},
        }
    )

    assert usage is not None
    assert usage.requests == {"web_search": 2, "x_search": 3}
    assert other is not None
    assert other.requests == {"web_search": 4}
