"""Usage of an API we have no reader for: recognised by the names of its fields, or not at all.

It never guesses a meaning: an object with none of the known names gives None, and so "unknown".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.usage import (
    anthropic_messages,
    bedrock,
    cohere,
    gemini,
    ollama,
    openai_chat,
    openai_responses,
)
from llmtrace.usage.counts import as_mapping
from llmtrace.usage.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.records import TokenUsage, UsageSource

WATSONX: Final = Shape(input=("input_token_count",), output=("generated_token_count",))
"""IBM watsonx text generation: the counts of an entry of its ``results``."""

_BY_NAME: Final[
    tuple[tuple[tuple[str, ...], Callable[[object, UsageSource], TokenUsage | None]], ...]
] = (
    (("prompt_tokens", "completion_tokens"), openai_chat.read),
    (("cache_read_input_tokens", "cache_creation_input_tokens"), anthropic_messages.read),
    (("input_tokens", "output_tokens"), openai_responses.read),
    (("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"), gemini.read_generate),
    (("total_input_tokens", "total_output_tokens"), gemini.read_interaction),
    (("inputTokens", "outputTokens"), bedrock.read_converse),
    (("billed_units",), cohere.read_chat),
    (("prompt_eval_count", "eval_count"), ollama.read_generate),
    (("generated_token_count", "input_token_count"), WATSONX.read),
)


def read(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read a ``usage`` object of unknown origin; None if its names are of no known format."""
    found = as_mapping(raw)
    for names, reader in _BY_NAME:
        if any(name in found for name in names):
            return reader(found, source)
    return None
