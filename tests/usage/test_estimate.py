"""Counting tokens ourselves, where the provider did not."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from llmtrace.usage import estimate
from llmtrace.usage.estimate import estimate_usage

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Encoding:
    """Stands in for a tokenizer that is not installed here: one token a word."""

    def encode(self, text: str, *, disallowed_special: tuple[()]) -> list[int]:
        assert disallowed_special == ()
        if text == "boom":
            raise ValueError(text)
        return list(range(len(text.split())))


@pytest.fixture
def tiktoken(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    module = ModuleType("tiktoken")

    def encoding_for_model(model: str) -> _Encoding:
        if model != "known":
            raise KeyError(model)
        return _Encoding()

    vars(module)["encoding_for_model"] = encoding_for_model
    module.__spec__ = importlib.util.spec_from_loader("tiktoken", loader=None)
    monkeypatch.setitem(sys.modules, "tiktoken", module)
    estimate._tokenizer.cache_clear()
    yield module
    estimate._tokenizer.cache_clear()


def test_an_estimate_says_that_it_is_one_and_how_it_was_made() -> None:
    usage = estimate_usage("a" * 40, "b" * 10)

    assert (usage.input_tokens, usage.output_tokens) == (10, 3)
    assert usage.source == "estimated"
    assert usage.anomaly == (
        "the provider sent no usage; estimated from the text (4 characters a token)"
    )


def test_scripts_without_spaces_count_a_token_a_character() -> None:
    assert estimate_usage("", "東京は夜の七時").output_tokens == 7


@pytest.mark.usefixtures("tiktoken")
def test_a_tokenizer_that_is_installed_is_used() -> None:
    usage = estimate_usage("one two three", "four five", model="known")

    assert (usage.input_tokens, usage.output_tokens) == (3, 2)
    assert usage.anomaly is not None
    assert "(tiktoken)" in usage.anomaly


@pytest.mark.usefixtures("tiktoken")
def test_a_model_that_the_tokenizer_does_not_know_is_estimated_by_the_rule() -> None:
    assert estimate_usage("abcdefgh", "", model="unknown").input_tokens == 2


@pytest.mark.usefixtures("tiktoken")
def test_a_tokenizer_that_fails_or_would_take_long_is_done_without() -> None:
    assert estimate_usage("boom", "", model="known").input_tokens == 1
    assert estimate_usage("a " * 300_000, "", model="known").input_tokens == 150_000
