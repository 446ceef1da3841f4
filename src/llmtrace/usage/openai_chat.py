"""Usage of OpenAI chat completions, and of the many hosts that speak the same format.

By the format ``prompt_tokens`` contains cached, cache-write, audio and image tokens, and
``completion_tokens`` contains reasoning, audio and rejected prediction tokens; ``total_tokens`` is
their sum. Hosts that differ are recognised by that sum, not by their name:

* xAI leaves reasoning out of ``completion_tokens`` (total = in + out + reasoning): added.
* Mistral leaves audio out of ``prompt_tokens`` (total = in + out + audio): added.
* Grok on Azure leaves cached tokens out of ``prompt_tokens`` (cached > prompt): added.
* Some gateways report more reasoning than output: cut.

Each of these is noted in the anomaly. Format: platform.openai.com/docs/api-reference/chat/object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmtrace.records import TokenUsage
from llmtrace.usage.counts import Counts, as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.records import UsageSource


def read(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read a chat completion's ``usage``; None if it holds neither input, output nor total."""
    counts = Counts()
    shape = shape_of_chat(as_mapping(raw), counts)
    return None if shape is None else normalize(shape, counts, source)


@dataclass(slots=True, kw_only=True)
class InclusiveShape:
    """OpenAI's way of counting, before it is checked: totals with their parts inside."""

    input: int
    output: int
    total: int | None
    cached: int = 0
    cache_write: int = 0
    input_audio: int = 0
    input_image: int = 0
    reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    requests: dict[str, int]
    """Fees by kind; what the usage object itself names."""


def shape_of_chat(raw: Mapping[str, object], counts: Counts) -> InclusiveShape | None:
    """Take the numbers of a chat completion's ``usage`` under all the names that hosts use."""
    inside = as_mapping(raw.get("prompt_tokens_details"))
    outside = as_mapping(raw.get("completion_tokens_details"))
    ends = ends_of(
        counts.take(raw, "prompt_tokens"),
        counts.take(raw, "completion_tokens"),
        counts.take(raw, "total_tokens"),
        counts,
    )
    if ends is None:
        return None
    cached = counts.take(inside, "cached_tokens", "cache_read_input_tokens")
    if cached is None:  # DeepSeek; Together and others; Mistral
        cached = counts.take(raw, "prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens")
    reasoning = counts.take(outside, "reasoning_tokens")
    if reasoning is None:  # Together, Perplexity
        reasoning = counts.take(raw, "reasoning_tokens")
    return InclusiveShape(
        input=ends[0],
        output=ends[1],
        total=ends[2],
        cached=cached or 0,
        cache_write=cache_write_of(inside, counts),
        input_audio=counts.take(inside, "audio_tokens") or 0,
        input_image=counts.take(inside, "image_tokens") or 0,
        reasoning=reasoning or 0,
        output_audio=counts.take(outside, "audio_tokens") or 0,
        output_image=counts.take(outside, "image_tokens") or 0,
        requests=fees_of(raw, counts),
    )


def ends_of(
    given: int | None, made: int | None, total: int | None, counts: Counts
) -> tuple[int, int, int | None] | None:
    """Return input, output and total; a missing end is taken from the total, and noted."""
    if given is None and made is None:
        if total is None:
            return None
        counts.note("only the total is known; counted as input")
        counts.is_incomplete = True
        return total, 0, total
    if given is None:
        return _missing("input", made or 0, total, counts), made or 0, total
    if made is None:
        return given, _missing("output", given, total, counts), total
    return given, made, total


def _missing(end: str, known: int, total: int | None, counts: Counts) -> int:
    """Return the end that was not given, as what the total leaves beside the known one."""
    if total is not None and total >= known:
        if total > known:
            counts.note(f"{end} tokens are missing; taken from the total")
        return total - known
    counts.note(f"{end} tokens are missing")
    counts.is_incomplete = True
    return 0


def cache_write_of(details: Mapping[str, object], counts: Counts) -> int:
    """Return the cache writes inside the input.

    OpenAI keeps them for 30 minutes or 12 hours; neither is a bucket of its own, and only one
    price for writing is published, so that a 12-hour write is noted.
    """
    written = counts.take(details, "cache_write_tokens", "cache_creation_input_tokens") or 0
    by_ttl = as_mapping(details.get("cache_write_tokens_details"))
    if by_ttl:
        short = counts.take(by_ttl, "ttl_30m_tokens") or 0
        long = counts.take(by_ttl, "ttl_12h_tokens") or 0
        if long:
            counts.note(f"{long} cache-write tokens are kept for 12 hours; one price is published")
        if short + long != written:
            counts.note(f"cache writes by lifetime are {short + long}, together {written}")
            written = max(written, short + long)
    return written


def fees_of(raw: Mapping[str, object], counts: Counts) -> dict[str, int]:
    """Return the calls of tools and searches that a usage object itself names."""
    called = as_mapping(raw.get("server_side_tool_usage_details"))  # xAI
    used = as_mapping(raw.get("server_tool_use_details"))  # OpenRouter
    if not called and not used:
        return {}
    found = {
        "web_search": counts.take(called, "web_search_calls")
        or counts.take(used, "web_search_requests"),
        "x_search": counts.take(called, "x_search_calls"),
        "file_search": counts.take(called, "file_search_calls"),
        "document_search": counts.take(called, "document_search_calls"),
        "code_execution": counts.take(called, "code_interpreter_calls"),
        "image_generation": counts.take(called, "image_generation_calls"),
    }
    return {kind: number for kind, number in found.items() if number}


def normalize(shape: InclusiveShape, counts: Counts, source: UsageSource) -> TokenUsage:
    """Make the parts disjoint, checking every part against its whole and the total."""
    _apply_total(shape, counts)
    if shape.cached > shape.input:
        # A part cannot exceed its whole, so that the input was given without it.
        counts.note(f"cached tokens ({shape.cached}) are not in the input ({shape.input}): added")
        shape.input += shape.cached
    rest = shape.input - shape.cached
    write = counts.within("cache-write tokens", shape.cache_write, rest)
    rest -= write
    # Cached tokens may themselves be audio or image; no host says which. Where they must
    # overlap they count as cached, because that is the rate they are billed at.
    audio = counts.within("uncached audio tokens", shape.input_audio, rest)
    image = counts.within("uncached image tokens", shape.input_image, rest - audio)
    reasoning = counts.within("reasoning tokens", shape.reasoning, shape.output)
    out = shape.output - reasoning
    out_audio = counts.within("output audio tokens", shape.output_audio, out)
    out_image = counts.within("output image tokens", shape.output_image, out - out_audio)
    usage = TokenUsage(
        input_uncached=rest - audio - image,
        cache_read=shape.cached,
        cache_write_other=write,
        input_audio=audio,
        input_image=image,
        output_text=out - out_audio - out_image,
        output_reasoning=reasoning,
        output_audio=out_audio,
        output_image=out_image,
        requests=shape.requests,
    )
    return counts.finish(usage, source)


def _apply_total(shape: InclusiveShape, counts: Counts) -> None:
    """Hold the parts against the provider's own total; add what it proves to be outside them."""
    if shape.total is None:
        return
    excess = shape.total - shape.input - shape.output
    if excess == 0:
        return
    if excess == shape.reasoning:
        counts.note("reasoning tokens are not in the output but in the total: added")
        shape.output += excess
    elif excess == shape.input_audio:
        counts.note("audio tokens are not in the input but in the total: added")
        shape.input += excess
    elif excess == shape.cached and shape.cached > shape.input:
        return  # the caller adds them, and says so
    else:
        counts.note(
            f"total tokens are {shape.total}, input and output are {shape.input + shape.output}"
        )
