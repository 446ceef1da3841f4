"""Usage as frameworks tell it, where no SDK of ours saw the call.

LangChain's ``usage_metadata``, pydantic-ai's ``RequestUsage`` and the agents SDK's ``Usage`` name
their parts apart, but all count cached and written tokens inside the input, audio inside both ends,
and reasoning inside the output. LlamaIndex hands on what the provider said: read by its names.
Formats: python.langchain.com (UsageMetadata), ai.pydantic.dev/api/usage,
openai.github.io/openai-agents-python/usage.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmtrace.usage import generic
from llmtrace.usage.counts import Counts, as_mapping
from llmtrace.usage.shape import Shape

if TYPE_CHECKING:
    from llmtrace.records import TokenUsage, UsageSource

FRAMEWORK: Final = Shape(
    input=("input_tokens",),
    output=("output_tokens",),
    total=("total_tokens",),
    cached=(
        "input_token_details.cache_read",
        "cache_read_tokens",
        "input_tokens_details.cached_tokens",
    ),
    cached_audio=("cache_audio_read_tokens",),
    cache_write=(
        "input_token_details.cache_creation",
        "cache_write_tokens",
        "input_tokens_details.cache_write_tokens",
    ),
    input_audio=("input_token_details.audio", "input_audio_tokens"),
    reasoning=(
        "output_token_details.reasoning",
        "details.reasoning_tokens",
        "output_tokens_details.reasoning_tokens",
    ),
    output_audio=("output_token_details.audio", "output_audio_tokens"),
)
_LIFETIMES: Final = Shape(
    input=FRAMEWORK.input,
    output=FRAMEWORK.output,
    total=FRAMEWORK.total,
    cached=FRAMEWORK.cached,
    cache_write_5m=("input_token_details.ephemeral_5m_input_tokens",),
    cache_write_1h=("input_token_details.ephemeral_1h_input_tokens",),
    reasoning=FRAMEWORK.reasoning,
)
"""LangChain's Anthropic: the writes by lifetime, with 0 as ``cache_creation`` beside them."""

_HOUR: Final = replace(
    FRAMEWORK,
    cache_write_5m=("cache_write_5m_tokens",),
    cache_write_1h=("cache_write_1h_tokens",),
)


def read(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read the usage that a framework tells; None if it tells no tokens."""
    found = as_mapping(raw)
    if "prompt_tokens" in found or "completion_tokens" in found:
        return generic.read(found, source)
    details = as_mapping(found.get("input_token_details"))
    if any(name.startswith("ephemeral_") and details[name] for name in details):
        return _LIFETIMES.read(found, source)
    counts = Counts()
    long = counts.take(found, "cache_write_1h_tokens")
    if long:  # pydantic-ai: the rest of what was written is kept for 5 minutes
        written = counts.take(found, "cache_write_tokens") or 0
        return _HOUR.read({**found, "cache_write_5m_tokens": max(written - long, 0)}, source)
    return FRAMEWORK.read(found, source)
