"""Usage of OpenAI chat and text completions, and of the many hosts that speak the same format.

By the format ``prompt_tokens`` contains cached, cache-write, audio and image tokens, and
``completion_tokens`` contains reasoning, audio and rejected prediction tokens; ``total_tokens`` is
their sum. Hosts that differ are recognised by that sum, not by their name:

* xAI leaves reasoning out of ``completion_tokens`` (total = in + out + reasoning): added.
* Mistral leaves audio out of ``prompt_tokens`` (total = in + out + audio): added.
* Grok on Azure leaves cached tokens out of ``prompt_tokens`` (cached > prompt): added.
* Google leaves thoughts out of ``completion_tokens`` and gives them no name: a Gemini model's total
  tells them (``read_of_gemini``).
* Some gateways report more reasoning than output: cut.

Each of these is noted in the anomaly. Format: platform.openai.com/docs/api-reference/chat/object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.usage.algebra import normalize
from llmtrace.usage.counts import Counts, as_mapping
from llmtrace.usage.shape import Shape, amounts_of

if TYPE_CHECKING:
    from llmtrace.records import TokenUsage, UsageSource

FEES: Final = {
    # xAI's server_side_tool_usage_details, OpenRouter's server_tool_use_details, Perplexity
    "web_search": (
        "server_side_tool_usage_details.web_search_calls",
        "server_tool_use_details.web_search_requests",
        "num_search_queries",
    ),
    "x_search": ("server_side_tool_usage_details.x_search_calls",),
    "file_search": ("server_side_tool_usage_details.file_search_calls",),
    "document_search": ("server_side_tool_usage_details.document_search_calls",),
    "code_execution": ("server_side_tool_usage_details.code_interpreter_calls",),
    "image_generation": ("server_side_tool_usage_details.image_generation_calls",),
}
"""Fees by the call that a usage object itself names, at whichever host."""

_CONTEXT_SIZES: Final = ("low", "medium", "high")
"""Perplexity's fee for a request depends on how much it searches: a kind of request each."""

_INSIDE: Final = "prompt_tokens_details"
_OUTSIDE: Final = "completion_tokens_details"

SHAPE: Final = Shape(
    input=("prompt_tokens",),
    output=("completion_tokens",),
    total=("total_tokens",),
    cached=(
        f"{_INSIDE}.cached_tokens",
        f"{_INSIDE}.cache_read_input_tokens",
        "prompt_cache_hit_tokens",  # DeepSeek
        "cached_tokens",  # Together and others
        "num_cached_tokens",  # Mistral
        "prompt_token_details.cached_tokens",  # Writer
    ),
    cache_write=(f"{_INSIDE}.cache_write_tokens", f"{_INSIDE}.cache_creation_input_tokens"),
    input_audio=(f"{_INSIDE}.audio_tokens", "audio_prompt_tokens"),  # Azure's Phi
    input_image=(f"{_INSIDE}.image_tokens", "image_tokens"),  # Cerebras
    input_video=(f"{_INSIDE}.video_tokens",),
    reasoning=(
        f"{_OUTSIDE}.reasoning_tokens",
        "reasoning_tokens",  # Together, Perplexity
        "completion_token_details.reasoning_tokens",  # Writer
    ),
    output_audio=(f"{_OUTSIDE}.audio_tokens",),
    output_image=(f"{_OUTSIDE}.image_tokens",),
    requests=FEES,
)


def read(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read a chat completion's ``usage``; None if it holds neither input, output nor total."""
    return _read(raw, source, is_gemini=False)


def read_of_gemini(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read a chat completion's ``usage`` by a Gemini model: what the total has more is thoughts."""
    return _read(raw, source, is_gemini=True)


def _read(raw: object, source: UsageSource, *, is_gemini: bool) -> TokenUsage | None:
    found = as_mapping(raw)
    counts = Counts()
    amounts = amounts_of(SHAPE, found, counts)
    if amounts is None:
        return None
    if found.get("search_context_size") in _CONTEXT_SIZES:
        amounts.requests[f"search_context_{found['search_context_size']}"] = 1
    if is_gemini and not amounts.reasoning and amounts.total is not None:
        amounts.reasoning = max(amounts.total - amounts.input - amounts.output, 0)
    amounts.cache_write = written_by_lifetime(found.get(_INSIDE), amounts.cache_write, counts)
    return normalize(amounts, counts, source)


def written_by_lifetime(details: object, written: int, counts: Counts) -> int:
    """Return the tokens written to the cache, ``written`` in all, held against their lifetimes.

    OpenAI keeps writes for 30 minutes or 12 hours. Neither is a bucket of its own: one price for
    writing is published, so that a 12-hour write is noted.
    """
    by_ttl = as_mapping(as_mapping(details).get("cache_write_tokens_details"))
    if not by_ttl:
        return written
    short = counts.take(by_ttl, "ttl_30m_tokens") or 0
    long = counts.take(by_ttl, "ttl_12h_tokens") or 0
    if long:
        counts.note(f"{long} cache-write tokens are kept for 12 hours; one price is published")
    if short + long != written:
        counts.note(f"cache writes by lifetime are {short + long}, together {written}")
    return max(written, short + long)
