"""Usage of an API we have no reader for: recognised by the names of its fields, or not at all.

It never guesses a meaning: an object with none of the known names gives None, and so "unknown".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.usage import anthropic_messages, openai_chat, openai_responses
from llmtrace.usage.counts import as_mapping

if TYPE_CHECKING:
    from llmtrace.records import TokenUsage, UsageSource


def read(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read a ``usage`` object of unknown origin; None if its names are of no known format."""
    found = as_mapping(raw)
    if "prompt_tokens" in found or "completion_tokens" in found:
        return openai_chat.read(found, source)
    if "cache_read_input_tokens" in found or "cache_creation_input_tokens" in found:
        return anthropic_messages.read(found, source)
    if "input_tokens" in found or "output_tokens" in found:
        return openai_responses.read(found, source)
    return None
