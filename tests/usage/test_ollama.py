"""Ollama: counts at the top of its answer."""

from __future__ import annotations

from llmtrace.records import TokenUsage
from llmtrace.usage import ollama


def test_both_counts_are_read() -> None:
    raw = {"model": "llama3", "prompt_eval_count": 17, "eval_count": 79, "total_duration": 2685}

    assert ollama.read_generate(raw) == TokenUsage(input_uncached=17, output_text=79)


def test_a_prompt_that_was_cached_is_unknown_not_zero() -> None:
    usage = ollama.read_generate({"eval_count": 79})

    assert usage is not None
    assert (usage.source, usage.anomaly) == ("partial", "input tokens are missing")


def test_loading_a_model_says_nothing() -> None:
    assert ollama.read_generate({"done": True, "done_reason": "load"}) is None


def test_embeddings_have_input_only() -> None:
    assert ollama.read_embed({"prompt_eval_count": 8}) == TokenUsage(input_uncached=8)
