"""Google: what stands beside what, in each of its formats. Numbers: ``tests/conformance``."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from llmtrace.records import TokenUsage
from llmtrace.usage import gemini


def test_thoughts_and_prompts_of_tools_are_beside_the_counts() -> None:
    usage = gemini.read_generate(
        {
            "promptTokenCount": 10,
            "toolUsePromptTokenCount": 5,
            "candidatesTokenCount": 3,
            "thoughtsTokenCount": 7,
            "totalTokenCount": 25,
        }
    )

    assert usage == TokenUsage(input_uncached=15, output_text=3, output_reasoning=7)


def test_a_prompt_without_a_count_or_a_total_is_partly_known() -> None:
    usage = gemini.read_generate({"candidatesTokenCount": 18, "thoughtsTokenCount": 58})

    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.source) == (0, 76, "partial")
    assert usage.anomaly == "input tokens are missing"


def test_a_live_session_leaves_thoughts_out_of_its_total_and_that_is_no_anomaly() -> None:
    raw = {
        "promptTokenCount": 40,
        "responseTokenCount": 20,
        "thoughtsTokenCount": 30,
        "totalTokenCount": 60,
    }

    live, generated = gemini.read_live(raw), gemini.read_generate(raw)

    assert live == TokenUsage(input_uncached=40, output_text=20, output_reasoning=30)
    assert generated is not None
    assert generated.anomaly == "total tokens are 60, input and output are 90"


def test_a_live_total_that_nothing_explains_is_flagged() -> None:
    usage = gemini.read_live(
        {"promptTokenCount": 40, "responseTokenCount": 20, "totalTokenCount": 99}
    )

    assert usage is not None
    assert usage.anomaly == "total tokens are 99, input and output are 60"


@pytest.mark.parametrize("read", [gemini.read_live, gemini.read_generate, gemini.read_embed])
def test_an_answer_that_counts_nothing_is_unknown(read: Any) -> None:
    assert read({"trafficType": "ON_DEMAND"}) is None


def test_a_prediction_is_billed_by_what_its_wire_format_counted() -> None:
    assert gemini.read_prediction({"images": 4}) == TokenUsage(units={"images": Decimal(4)})
    assert gemini.read_prediction({"tokenCount": 9}) == TokenUsage(input_uncached=9)


def test_searches_are_counted_in_what_grounds_the_candidates() -> None:
    queries = {"groundingMetadata": {"webSearchQueries": ["one", "two", "", 3]}}

    usage = gemini.with_search_fees(TokenUsage(), {"candidates": [queries, {}, None, queries]})

    assert usage.requests == {"web_search": 4}


def test_an_answer_without_searches_is_left_as_it_is() -> None:
    usage = TokenUsage(input_uncached=3)

    assert gemini.with_search_fees(usage, {"candidates": [{}]}) is usage
    assert gemini.with_search_fees(usage, None) is usage
