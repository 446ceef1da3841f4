"""Usage of Cohere: what it bills, not what its models read.

``billed_units`` leaves out the tokens of Cohere's own prompt template, ``tokens`` has them;
``cached_tokens`` is a part of ``tokens`` and often more than all that is billed. Cohere has no
price for cached tokens, so that what is billed counts, all of it at the input price; ``tokens``
only where nothing is said to be billed. Image tokens are billed beside text, rerank by units.
Format: docs.cohere.com/reference/chat, …/embed, …/rerank; cohere.com/pricing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmtrace.usage.counts import as_mapping
from llmtrace.usage.shape import Shape

if TYPE_CHECKING:
    from llmtrace.records import TokenUsage, UsageSource

_UNITS: Final = {
    "search_units": ("billed_units.search_units",),
    "classifications": ("billed_units.classifications",),
}

CHAT: Final = Shape(
    input=("billed_units.input_tokens", "tokens.input_tokens"),
    output=("billed_units.output_tokens", "tokens.output_tokens"),
    units=_UNITS,
)

EMBED: Final = Shape(
    input=("billed_units.input_tokens", "tokens.input_tokens"),
    input_image=("billed_units.image_tokens",),
    beside=frozenset({"input_image"}),
    units={"images": ("billed_units.images",)},
)

RERANK: Final = Shape(input=("billed_units.input_tokens", "total_tokens"), units=_UNITS)

PARSE: Final = Shape(
    input=("billed_units.input_tokens",),
    output=("billed_units.output_tokens",),
    units={"pages": ("billed_units.pages",)},
)


def read_chat(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read ``usage`` of chat (v2), or ``meta`` of chat and generate (v1)."""
    return CHAT.read(_usage_in(raw), source)


def read_embed(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read ``meta`` of embed; the number of images matters where it has no tokens for them."""
    usage = EMBED.read(_usage_in(raw), source)
    return replace(usage, units={}) if usage is not None and usage.input_image else usage


def read_rerank(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read ``meta`` of rerank; also the ``usage`` of hosts that bill it by tokens (Voyage)."""
    return RERANK.read(_usage_in(raw), source)


def read_parse(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read ``meta`` of parse: pages."""
    return PARSE.read(_usage_in(raw), source)


def _usage_in(raw: object) -> object:
    """Return the object with ``billed_units``: itself, or its ``meta``."""
    found = as_mapping(raw)
    return found.get("meta") if "meta" in found and "billed_units" not in found else found
