"""Usage of OpenAI's Responses API: the same algebra as chat, under other names.

Cached and cache-write tokens are inside ``input_tokens``, reasoning inside ``output_tokens``.
Realtime and transcription say "token" where Responses says "tokens", and split cached tokens by
kind; images have the same names. Tools with a fee per call are not in ``usage`` at all;
``with_tool_fees`` counts them in the response's ``output``. Not counted: code interpreter
containers, billed by container and time.
Format: platform.openai.com/docs/api-reference/responses/object, …/realtime-server-events.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmtrace.usage.algebra import normalize
from llmtrace.usage.counts import Counts, as_list, as_mapping
from llmtrace.usage.openai_chat import FEES, written_by_lifetime
from llmtrace.usage.shape import Shape, amounts_of

if TYPE_CHECKING:
    from llmtrace.records import TokenUsage, UsageSource


def _inside(name: str) -> tuple[str, str]:
    return f"input_tokens_details.{name}", f"input_token_details.{name}"


def _outside(name: str) -> tuple[str, str]:
    return f"output_tokens_details.{name}", f"output_token_details.{name}"


SHAPE: Final = Shape(
    input=("input_tokens",),
    output=("output_tokens",),
    total=("total_tokens",),
    cached=_inside("cached_tokens"),
    cached_audio=_inside("cached_tokens_details.audio_tokens"),
    cached_image=_inside("cached_tokens_details.image_tokens"),
    cache_write=_inside("cache_write_tokens"),
    input_audio=_inside("audio_tokens"),
    input_image=_inside("image_tokens"),
    reasoning=_outside("reasoning_tokens"),
    output_audio=_outside("audio_tokens"),
    output_image=_outside("image_tokens"),
    requests=FEES,
)


def read(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read a response's ``usage``; None if it holds neither input, output nor total."""
    found = as_mapping(raw)
    counts = Counts()
    amounts = amounts_of(SHAPE, found, counts)
    if amounts is None:
        return None
    details = found.get("input_tokens_details")
    amounts.cache_write = written_by_lifetime(details, amounts.cache_write, counts)
    return normalize(amounts, counts, source)


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
