"""Usage on Amazon Bedrock: Converse's own counts, and those of a model invoked in its own format.

Converse counts cache reads and writes beside ``inputTokens``; ``totalTokens`` is the sum of all.
InvokeModel passes the body of the vendor through (Anthropic, Nova, Titan, Llama, Mistral), and what
that says is what we read. Bedrock's own counts, in response headers or at the end of a stream in
``amazon-bedrock-invocationMetrics``, stand in where the body has none and are held against it.
Format: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmtrace.usage import anthropic_messages, openai_chat
from llmtrace.usage.counts import as_mapping
from llmtrace.usage.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmtrace.records import TokenUsage, UsageSource

_CACHE: Final = frozenset({"cached", "cache_write", "cache_write_5m", "cache_write_1h"})

CONVERSE: Final = Shape(
    input=("inputTokens",),
    output=("outputTokens",),
    total=("totalTokens",),
    cached=("cacheReadInputTokens", "cacheReadInputTokenCount"),
    cache_write=("cacheWriteInputTokens", "cacheWriteInputTokenCount"),
    cache_write_5m=("cacheDetails.5m",),
    cache_write_1h=("cacheDetails.1h",),
    beside=_CACHE,
    requests={"web_search": ("serverToolUsage.webSearchRequests",)},
)

METRICS_KEY: Final = "amazon-bedrock-invocationMetrics"

_METRICS: Final = Shape(
    input=("inputTokenCount",),
    output=("outputTokenCount",),
    cached=("cacheReadInputTokenCount",),
    cache_write=("cacheWriteInputTokenCount",),
    beside=_CACHE,
)

_HEADERS: Final = Shape(
    input=("x-amzn-bedrock-input-token-count",),
    output=("x-amzn-bedrock-output-token-count",),
    cached=("x-amzn-bedrock-cache-read-input-token-count",),
    cache_write=("x-amzn-bedrock-cache-write-input-token-count",),
    beside=_CACHE,
)

_LLAMA: Final = Shape(input=("prompt_token_count",), output=("generation_token_count",))

_TITAN: Final = Shape(
    input=("inputTextTokenCount",),
    output=("totalOutputTextTokenCount", "outputTextTokenCount", "tokenCount"),
)


def read_converse(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read the ``usage`` of Converse, or of the ``metadata`` event of its stream."""
    return CONVERSE.read(raw, source)


def read_invoke(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read an invoked model's usage in its vendor's names, with Bedrock's own counts beside it."""
    found = as_mapping(raw)
    own = _METRICS.read(found.get(METRICS_KEY), source) or _HEADERS.read(found, source)
    told = _vendors(found, source)
    if told is None:
        return own
    if own is None:
        return told
    return _held_against(told, own)


def _vendors(raw: Mapping[str, object], source: UsageSource) -> TokenUsage | None:
    for names, read in _VENDORS:
        if any(name in raw for name in names):
            return read(raw, source)
    return None


_VENDORS: Final[
    tuple[tuple[tuple[str, ...], Callable[[object, UsageSource], TokenUsage | None]], ...]
] = (
    (("inputTokens", "outputTokens"), CONVERSE.read),  # Nova
    (("input_tokens", "output_tokens"), anthropic_messages.read),
    (("prompt_tokens", "completion_tokens"), openai_chat.read),  # Mistral, AI21, gpt-oss
    (("prompt_token_count", "generation_token_count"), _LLAMA.read),
    (("inputTextTokenCount",), _TITAN.read),
)


def _held_against(told: TokenUsage, own: TokenUsage) -> TokenUsage:
    """Return the vendor's count; a body that is short of a number gets it from Bedrock's."""
    if told.source == "partial" and own.source == "provider":
        return own  # a guardrail or a cut took the rest out of the body
    if (told.input_tokens, told.output_tokens) == (own.input_tokens, own.output_tokens):
        return told
    note = (
        f"Bedrock counts {own.input_tokens} input and {own.output_tokens} output tokens, "
        f"the model {told.input_tokens} and {told.output_tokens}"
    )
    return replace(told, anomaly="; ".join(filter(None, (told.anomaly, note))))
