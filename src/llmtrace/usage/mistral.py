"""Usage of Mistral: OpenAI's chat, conversations with connectors, OCR pages.

Audio is counted beside ``prompt_tokens`` but in the total, and without a name of its own: where the
usage speaks of audio (``prompt_audio_seconds``), what the total has more than its parts is audio.
Format: docs.mistral.ai/api; the SDK's ``models/usageinfo.py``, ``conversationusageinfo.py``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmtrace.usage import openai_chat
from llmtrace.usage.algebra import normalize
from llmtrace.usage.counts import Counts, as_mapping
from llmtrace.usage.shape import Shape, amounts_of

if TYPE_CHECKING:
    from llmtrace.records import TokenUsage, UsageSource

CHAT: Final = replace(openai_chat.SHAPE, units={"audio_seconds": ("prompt_audio_seconds",)})

CONVERSATION: Final = replace(
    CHAT,
    more_input=(("connector_tokens",),),
    requests={
        "web_search": ("connectors.web_search", "connectors.web_search_premium"),
        "code_execution": ("connectors.code_interpreter",),
        "image_generation": ("connectors.image_generation",),
        "document_search": ("connectors.document_library",),
    },
)

OCR: Final = Shape(units={"pages": ("pages_processed",)})


def read_chat(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read the ``usage`` of chat, FIM, agents and transcriptions."""
    found = as_mapping(raw)
    counts = Counts()
    amounts = amounts_of(CHAT, found, counts)
    if amounts is None:
        return None
    if amounts.total is not None and not amounts.input_audio and "prompt_audio_seconds" in found:
        amounts.input_audio = max(amounts.total - amounts.input - amounts.output, 0)
    return normalize(amounts, counts, source)


def read_conversation(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read the ``usage`` of a conversation: connectors have tokens and fees of their own."""
    return CONVERSATION.read(raw, source)


def read_ocr(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read the ``usage_info`` of OCR."""
    return OCR.read(raw, source)
