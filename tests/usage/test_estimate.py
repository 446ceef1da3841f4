"""Counting tokens ourselves, where the provider did not."""

from __future__ import annotations

import pytest

from llmtrace.usage import estimate
from llmtrace.usage.estimate import estimate_usage


def _one_a_word(text: str) -> int:
    if text == "boom":
        raise ValueError(text)
    return len(text.split())


@pytest.fixture
def _tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tokenizer for the model ``known``."""
    monkeypatch.setattr(
        estimate, "token_counter", lambda model: _one_a_word if model == "known" else None
    )


def test_an_estimate_says_that_it_is_one_and_how_it_was_made() -> None:
    usage = estimate_usage("a" * 40, "b" * 10)

    assert (usage.input_tokens, usage.output_tokens) == (10, 3)
    assert usage.source == "estimated"
    assert usage.anomaly == (
        "the provider sent no usage; estimated from the text (4 characters a token)"
    )


def test_scripts_without_spaces_count_a_token_a_character() -> None:
    assert estimate_usage("", "東京は夜の七時").output_tokens == 7


@pytest.mark.usefixtures("_tokenizer")
def test_a_tokenizer_that_is_at_hand_is_used() -> None:
    usage = estimate_usage("one two three", "four five", model="known")

    assert (usage.input_tokens, usage.output_tokens) == (3, 2)
    assert usage.anomaly is not None
    assert "(tiktoken)" in usage.anomaly


@pytest.mark.usefixtures("_tokenizer")
def test_a_model_without_a_tokenizer_is_estimated_by_the_rule() -> None:
    assert estimate_usage("abcdefgh", "", model="unknown").input_tokens == 2


@pytest.mark.usefixtures("_tokenizer")
def test_a_tokenizer_that_fails_or_would_take_long_is_done_without() -> None:
    assert estimate_usage("boom", "", model="known").input_tokens == 1
    assert estimate_usage("a " * 300_000, "", model="known").input_tokens == 150_000
