"""Usage of Google's Gemini API and Vertex AI: ``usageMetadata``, live sessions, interactions.

Cached tokens are inside the prompt. Beside the prompt: what tools put before the model
(``toolUsePromptTokenCount``). Beside the candidates: thoughts. Where a number would be 0 it is
left out, as in all JSON made from protocol buffers; where a file is fetched by its URL the prompt's
count is missing too and is what the total leaves. A live session leaves thoughts out of the total.
Counts by modality (text, image, audio, video, document) have prices of their own; documents are
billed as text. Searches with Google are billed by the call and are not in the usage:
``with_search_fees`` counts them in the candidates' ``groundingMetadata``.
Format: ai.google.dev/api/generate-content#UsageMetadata, …/api/live, …/api/interactions-api.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmtrace.usage.algebra import normalize
from llmtrace.usage.counts import Counts, as_list, as_mapping
from llmtrace.usage.shape import Names, Shape, amounts_of

if TYPE_CHECKING:
    from llmtrace.records import TokenUsage, UsageSource

_CANDIDATES: Final = ("candidatesTokensDetails", "responseTokensDetails")
_PROMPT: Final = ("promptTokensDetails", "promptTokenDetails")


def _by_modality(lists: tuple[str, ...], modality: str) -> Names:
    return tuple(f"{name}.{modality}" for name in lists)


GENERATE: Final = Shape(
    input=("promptTokenCount",),
    output=("candidatesTokenCount", "responseTokenCount"),
    total=("totalTokenCount",),
    cached=("cachedContentTokenCount",),
    cached_audio=("cacheTokensDetails.AUDIO",),
    cached_image=("cacheTokensDetails.IMAGE",),
    cached_video=("cacheTokensDetails.VIDEO",),
    input_audio=_by_modality(_PROMPT, "AUDIO"),
    input_image=_by_modality(_PROMPT, "IMAGE"),
    input_video=_by_modality(_PROMPT, "VIDEO"),
    reasoning=("thoughtsTokenCount",),
    output_audio=_by_modality(_CANDIDATES, "AUDIO"),
    output_image=_by_modality(_CANDIDATES, "IMAGE"),
    output_video=_by_modality(_CANDIDATES, "VIDEO"),
    more_input=(("toolUsePromptTokenCount",),),
    beside=frozenset({"reasoning"}),
)

EMBED: Final = Shape(
    input=("promptTokenCount",),
    total=("totalTokenCount",),
    input_audio=_by_modality(_PROMPT, "AUDIO"),
    input_image=_by_modality(_PROMPT, "IMAGE"),
    input_video=_by_modality(_PROMPT, "VIDEO"),
)

INTERACTIONS: Final = Shape(
    input=("total_input_tokens",),
    output=("total_output_tokens",),
    total=("total_tokens",),
    cached=("total_cached_tokens",),
    cached_audio=("cached_tokens_by_modality.audio",),
    cached_image=("cached_tokens_by_modality.image",),
    cached_video=("cached_tokens_by_modality.video",),
    input_audio=("input_tokens_by_modality.audio",),
    input_image=("input_tokens_by_modality.image",),
    input_video=("input_tokens_by_modality.video",),
    reasoning=("total_thought_tokens",),
    output_audio=("output_tokens_by_modality.audio",),
    output_image=("output_tokens_by_modality.image",),
    output_video=("output_tokens_by_modality.video",),
    more_input=(("total_tool_use_tokens",),),
    beside=frozenset({"reasoning"}),
)

PREDICT: Final = Shape(
    input=("totalTokenCount", "tokenCount"),
    units={
        "images": ("images",),
        "video_seconds": ("video_seconds",),
        "characters": ("billableCharacterCount",),
    },
)


def read_generate(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read the ``usageMetadata`` of generateContent."""
    return GENERATE.read(raw, source)


def read_live(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read the ``usageMetadata`` of a live session's turn."""
    counts = Counts()
    amounts = amounts_of(GENERATE, as_mapping(raw), counts)
    if amounts is None:
        return None
    if amounts.total == amounts.input + amounts.output - amounts.reasoning:
        amounts.total = None
    return normalize(amounts, counts, source)


def read_embed(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read the ``usageMetadata`` of embedContent and batchEmbedContents."""
    return EMBED.read(raw, source)


def read_interaction(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read the ``usage`` of an interaction."""
    return INTERACTIONS.read(raw, source)


def read_prediction(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read what a ``:predict`` says it billed: ``metadata``, an embedding's ``statistics``, images.

    The answer has no usage object: its wire format counts ``images`` or adds up ``tokenCount``.
    """
    return PREDICT.read(raw, source)


def with_search_fees(usage: TokenUsage, response: object) -> TokenUsage:
    """Return ``usage`` with the Google searches that a response's candidates name."""
    queries = 0
    for candidate in as_list(as_mapping(response).get("candidates")):
        grounding = as_mapping(as_mapping(candidate).get("groundingMetadata"))
        asked = as_list(grounding.get("webSearchQueries"))
        queries += sum(1 for query in asked if isinstance(query, str) and query)
    if not queries or "web_search" in usage.requests:
        return usage
    return replace(usage, requests={**usage.requests, "web_search": queries})
