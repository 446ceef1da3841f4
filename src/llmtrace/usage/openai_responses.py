"""Usage of OpenAI's Responses API: the same algebra as chat, under other names.

Cached and cache-write tokens are inside ``input_tokens``, reasoning inside ``output_tokens``.
Tools with a fee per call are not in ``usage`` at all; ``with_tool_fees`` counts them in the
response's ``output``. Not counted: code interpreter containers, billed by container and time.
Format: platform.openai.com/docs/api-reference/responses/object.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llmtrace.usage.counts import Counts, as_list, as_mapping
from llmtrace.usage.openai_chat import (
    InclusiveShape,
    cache_write_of,
    ends_of,
    fees_of,
    normalize,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.records import TokenUsage, UsageSource


def read(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read a response's ``usage``; None if it holds neither input, output nor total."""
    counts = Counts()
    shape = _shape_of_response(as_mapping(raw), counts)
    return None if shape is None else normalize(shape, counts, source)


def with_tool_fees(usage: TokenUsage, response: object) -> TokenUsage:
    """Return ``usage`` with the billed tool calls found in a response body's ``output``.

    Only a web search's ``search`` action has a fee; opening a page or looking in it has none
    (platform.openai.com/docs/guides/tools-web-search).
    """
    requests = dict(usage.requests)
    found = {"web_search": 0, "file_search": 0}
    for item in as_list(as_mapping(response).get("output")):
        call = as_mapping(item)
        kind = call.get("type")
        if kind == "file_search_call":
            found["file_search"] += 1
        elif kind == "web_search_call":
            action = as_mapping(call.get("action")).get("type", "search")
            found["web_search"] += action == "search"
    for kind, number in found.items():
        if number and kind not in requests:  # a host that names them in its usage knows better
            requests[kind] = number
    return usage if requests == usage.requests else replace(usage, requests=requests)


def _shape_of_response(raw: Mapping[str, object], counts: Counts) -> InclusiveShape | None:
    # Realtime and transcription say "token" where Responses says "tokens".
    inside = as_mapping(raw.get("input_tokens_details") or raw.get("input_token_details"))
    outside = as_mapping(raw.get("output_tokens_details") or raw.get("output_token_details"))
    ends = ends_of(
        counts.take(raw, "input_tokens"),
        counts.take(raw, "output_tokens"),
        counts.take(raw, "total_tokens"),
        counts,
    )
    if ends is None:
        return None
    return InclusiveShape(
        input=ends[0],
        output=ends[1],
        total=ends[2],
        cached=counts.take(inside, "cached_tokens") or 0,
        cache_write=cache_write_of(inside, counts),
        input_audio=counts.take(inside, "audio_tokens") or 0,
        input_image=counts.take(inside, "image_tokens") or 0,
        reasoning=counts.take(outside, "reasoning_tokens") or 0,
        output_audio=counts.take(outside, "audio_tokens") or 0,
        output_image=counts.take(outside, "image_tokens") or 0,
        requests=fees_of(raw, counts),
    )
