"""What a framework tells of a model call that no SDK of ours made, in the shape of OpenAI's chat.

The body is ours, not a provider's: ``instrument.integrations.frameworks`` writes it from what the
framework knows. ``usage`` is the framework's own object, ``cache`` (in the answer) the name of the
framework's response cache if the answer came from there. Nothing of it can be sent again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.wire.openai_chat import (
    input_messages,
    output_messages,
    request_fields,
    response_fields,
    tool_definitions,
)
from llmtrace.wire.sse import Merged

if TYPE_CHECKING:
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

__all__ = [
    "input_messages",
    "merge_events",
    "output_messages",
    "request_fields",
    "response_fields",
    "synthesize_stream",
    "tool_definitions",
]


def merge_events(events: list[SseEvent]) -> Merged:
    """Return nothing: what a framework tells is never a stream of events."""
    del events
    return Merged(body={}, is_complete=False, usage_events=0)


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Raise ValueError: there is no wire that this was on."""
    del body, include_usage
    raise ValueError("a framework's own account of a call is not a stream of any provider")
