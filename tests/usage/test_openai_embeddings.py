"""Embeddings: input only."""

from __future__ import annotations

from typing import Any

import pytest

from llmtrace.records import TokenUsage
from llmtrace.usage.openai_embeddings import read


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        ({"prompt_tokens": 8, "total_tokens": 8}, TokenUsage(input_uncached=8)),
        ({"total_tokens": 215}, TokenUsage(input_uncached=215)),
        (
            {"prompt_tokens": 8, "completion_tokens": 0, "total_tokens": 8},
            TokenUsage(input_uncached=8),
        ),
        ({}, None),
        (None, None),
    ],
)
def test_input_is_the_prompt_or_else_the_total(raw: Any, usage: TokenUsage | None) -> None:
    assert read(raw) == usage


def test_a_total_that_is_not_the_prompt_is_noted() -> None:
    usage = read({"prompt_tokens": 8, "total_tokens": 9})

    assert usage is not None
    assert usage.input_tokens == 8
    assert usage.anomaly == "total tokens are 9, input and output are 8"
