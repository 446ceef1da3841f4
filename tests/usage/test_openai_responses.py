"""The Responses API: totals with parts inside, and tools billed by the call."""

from __future__ import annotations

from typing import Any

import pytest

from llmtrace.records import TokenUsage
from llmtrace.usage.openai_responses import read, with_tool_fees


def test_cached_written_and_reasoning_are_parts_of_the_totals() -> None:
    usage = read(
        {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 10},
            "output_tokens": 50,
            "output_tokens_details": {"reasoning_tokens": 30},
            "total_tokens": 150,
        }
    )

    assert usage == TokenUsage(
        input_uncached=50,
        cache_read=40,
        cache_write_other=10,
        output_text=20,
        output_reasoning=30,
    )


def test_realtimes_singular_names_are_read() -> None:
    usage = read(
        {
            "input_tokens": 10,
            "input_token_details": {"audio_tokens": 4},
            "output_tokens": 5,
            "output_token_details": {"audio_tokens": 5},
        }
    )

    assert usage == TokenUsage(input_uncached=6, input_audio=4, output_audio=5)


@pytest.mark.parametrize("raw", [None, {}, "x", {"prompt_tokens": 3}])
def test_what_says_nothing_is_unknown(raw: Any) -> None:
    assert read(raw) is None


@pytest.mark.parametrize(
    ("output", "requests"),
    [
        ([{"type": "web_search_call", "action": {"type": "search"}}], {"web_search": 1}),
        ([{"type": "web_search_call"}], {"web_search": 1}),
        ([{"type": "web_search_call", "action": {"type": "open_page"}}], {}),
        ([{"type": "web_search_call", "action": {"type": "find_in_page"}}], {}),
        ([{"type": "file_search_call"}] * 2, {"file_search": 2}),
        ([{"type": "message"}, 7, None], {}),
        ("garbage", {}),
    ],
)
def test_only_calls_with_a_fee_are_counted(output: Any, requests: dict[str, int]) -> None:
    assert with_tool_fees(TokenUsage(), {"output": output}).requests == requests


def test_a_host_that_counts_its_tools_is_believed() -> None:
    usage = TokenUsage(requests={"web_search": 5})

    body = {"output": [{"type": "web_search_call", "action": {"type": "search"}}]}

    assert with_tool_fees(usage, body) is usage
