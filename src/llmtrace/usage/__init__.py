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
    generic,
    openai_chat,
    openai_embeddings,
    openai_responses,
)
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
    semconv.API_ANTHROPIC_MESSAGES: anthropic_messages.read,
}


def read_usage(
    api: str, raw: object, *, source: UsageSource = "provider", response: object = None
) -> TokenUsage | None:
    """Read a provider's ``usage`` object into disjoint buckets; None if it says nothing.

    ``api`` is one of ``semconv.API_*``; any other is read by the names found in the object.
    ``source`` is the caller's knowledge of how complete the object is: ``partial`` for a stream
    that ended before its last usage. It becomes ``partial`` by itself if a count is unreadable.
    ``response`` is the whole merged body: OpenAI's tool calls with a fee are counted from it,
    because its ``usage`` does not name them. Never raises.
    """
    usage = _READERS.get(api, generic.read)(raw, source)
    if usage is not None and api == semconv.API_OPENAI_RESPONSES:
        return openai_responses.with_tool_fees(usage, response)
    return usage
