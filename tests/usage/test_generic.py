"""Usage of an API that we do not know by name."""

from __future__ import annotations

from typing import Any

import pytest

from llmtrace.records import TokenUsage
from llmtrace.usage import read_usage


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (
            {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
            TokenUsage(input_uncached=3, output_text=2),
        ),
        (
            {"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 9},
            TokenUsage(input_uncached=3, cache_read=9, output_text=2),
        ),
        (
            {"input_tokens": 3, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}},
            TokenUsage(input_uncached=2, cache_read=1, output_text=2),
        ),
        ({"inputTextTokenCount": 3}, None),
        (None, None),
    ],
)
def test_the_names_of_the_fields_choose_the_reader(raw: Any, usage: TokenUsage | None) -> None:
    assert read_usage("someone.else", raw) == usage
