"""Provider JSON → ``TokenUsage``: one pure function for each shape of a ``usage`` object.

Nothing here raises, whatever it is given: it all came over a wire. What does not add up is
flagged in ``TokenUsage.anomaly``, never put right in silence. Text is counted only by
``usage.estimate``, and only when asked. Prices are none of its business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.usage import (
    anthropic_messages,
    bedrock,
    cohere,
    framework,
    gemini,
    generic,
    mistral,
    ollama,
    openai_chat,
    openai_embeddings,
    openai_media,
    openai_responses,
    xai,
)
from llmtrace.usage.counts import as_mapping
from llmtrace.usage.reported import read_reported_cost
from llmtrace.usage.tier import read_service_tier

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.records import TokenUsage, UsageSource

__all__ = ["read_reported_cost", "read_service_tier", "read_usage"]

_READERS: Final[dict[str, Callable[[object, UsageSource], TokenUsage | None]]] = {
    semconv.API_OPENAI_CHAT: openai_chat.read,
    semconv.API_OPENAI_RESPONSES: openai_responses.read,
    semconv.API_OPENAI_EMBEDDINGS: openai_embeddings.read,
    semconv.API_OPENAI_COMPLETIONS: openai_chat.read,
    semconv.API_OPENAI_IMAGES: openai_media.read_images,
    semconv.API_OPENAI_TRANSCRIPTION: openai_media.read_transcription,
    semconv.API_OPENAI_SPEECH: openai_media.read_speech,
    semconv.API_OPENAI_MODERATIONS: openai_media.read_moderation,
    semconv.API_OPENAI_VIDEOS: openai_media.read_videos,
    semconv.API_OPENAI_REALTIME: openai_responses.read,
    semconv.API_ANTHROPIC_MESSAGES: anthropic_messages.read,
    semconv.API_GEMINI_GENERATE: gemini.read_generate,
    semconv.API_GEMINI_EMBED: gemini.read_embed,
    semconv.API_GEMINI_INTERACTIONS: gemini.read_interaction,
    semconv.API_GEMINI_LIVE: gemini.read_live,
    semconv.API_GEMINI_PREDICT: gemini.read_prediction,
    semconv.API_COHERE_CHAT: cohere.read_chat,
    semconv.API_COHERE_CHAT_V1: cohere.read_chat,
    semconv.API_COHERE_EMBED: cohere.read_embed,
    semconv.API_COHERE_RERANK: cohere.read_rerank,
    semconv.API_COHERE_PARSE: cohere.read_parse,
    semconv.API_MISTRAL_CHAT: mistral.read_chat,
    semconv.API_MISTRAL_CONVERSATIONS: mistral.read_conversation,
    semconv.API_MISTRAL_OCR: mistral.read_ocr,
    semconv.API_MISTRAL_TRANSCRIPTION: mistral.read_chat,
    semconv.API_BEDROCK_AGENT: cohere.read_rerank,  # of its operations, Rerank alone is billed here
    semconv.API_BEDROCK_CONVERSE: bedrock.read_converse,
    semconv.API_BEDROCK_INVOKE: bedrock.read_invoke,
    semconv.API_OLLAMA_CHAT: ollama.read_generate,
    semconv.API_OLLAMA_GENERATE: ollama.read_generate,
    semconv.API_OLLAMA_EMBED: ollama.read_embed,
    semconv.API_XAI_CHAT: xai.read,
    semconv.API_FRAMEWORK: framework.read,
}

_FEES_IN_THE_ANSWER: Final[dict[str, Callable[[TokenUsage, object], TokenUsage]]] = {
    semconv.API_OPENAI_RESPONSES: openai_responses.with_tool_fees,
    semconv.API_GEMINI_GENERATE: gemini.with_search_fees,
}


def read_usage(
    api: str, raw: object, *, source: UsageSource = "provider", response: object = None
) -> TokenUsage | None:
    """Read a provider's ``usage`` object into disjoint buckets; None if it says nothing.

    ``api`` is one of ``semconv.API_*``; any other is read by the names found in the object.
    ``source`` is the caller's knowledge of how complete the object is: ``partial`` for a stream
    that ended before its last usage. It becomes ``partial`` by itself if a count is unreadable.
    ``response`` is the whole merged body: OpenAI's tool calls and Google's searches with a fee are
    counted from it, because their usage does not name them. Never raises.
    """
    reader = _READERS.get(api, generic.read)
    if reader is openai_chat.read and _is_gemini(response):
        reader = openai_chat.read_of_gemini
    usage = reader(raw, source)
    add_fees = _FEES_IN_THE_ANSWER.get(api)
    return usage if usage is None or add_fees is None else add_fees(usage, response)


def _is_gemini(response: object) -> bool:
    model = as_mapping(response).get("model")
    return isinstance(model, str) and model.rpartition("/")[2].startswith("gemini-")
