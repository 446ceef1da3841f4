"""The file of minimums: every fact has its page, and names are matched as prices are."""

from __future__ import annotations

import re

import pytest

from llmtrace.store.savings.minimums import minimum_of, minimums


def test_every_minimum_says_its_page_and_the_day_it_was_read() -> None:
    for each in minimums():
        assert re.fullmatch(r"https://\S+ \(20\d\d-\d\d-\d\d\)", each.source)
        assert each.tokens >= each.step >= 1
        assert each.kept_s >= 60


@pytest.mark.parametrize(
    ("provider", "model", "tokens", "is_marked"),
    [
        ("openai", "gpt-5-mini-2025-08-07", 1_024, False),
        ("azure.ai.openai", "gpt-4o", 1_024, False),
        ("anthropic", "claude-sonnet-4-5-20250929", 1_024, True),
        ("anthropic", "claude-haiku-4-5", 4_096, True),
        ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 1_024, True),
        ("gcp.gemini", "models/gemini-2.5-flash", 2_048, False),
    ],
)
def test_a_model_is_known_by_the_names_it_is_called_by(
    provider: str, model: str, tokens: int, *, is_marked: bool
) -> None:
    found = minimum_of(provider, model)

    assert found is not None
    assert (found.tokens, found.is_marked) == (tokens, is_marked)


@pytest.mark.parametrize(
    ("provider", "model"), [("openai", "gpt-4"), ("anthropic", "claude-next"), ("mine", "gpt-5")]
)
def test_what_no_page_says_is_not_known(provider: str, model: str) -> None:
    assert minimum_of(provider, model) is None


def test_beyond_the_minimum_whole_steps_are_cached() -> None:
    found = minimum_of("openai", "gpt-5")

    assert found is not None
    assert [found.floor(tokens) for tokens in (1_023, 1_024, 1_151, 1_152, 1_300)] == [
        0, 1_024, 1_024, 1_152, 1_280,
    ]  # fmt: skip
