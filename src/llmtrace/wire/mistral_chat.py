"""Mistral's chat, agents and FIM: OpenAI's chat format with a few names of its own.

Follows https://docs.mistral.ai/api/endpoint/chat. The seed is ``random_seed``; errors are a message
with a code, or FastAPI's ``detail``; FIM has a ``prompt`` and a ``suffix`` in place of messages.
Streams always state their usage.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from llmtrace.records import Message
from llmtrace.wire import openai_chat, parts
from llmtrace.wire.openai_chat import (
    merge_events,
    output_messages,
    synthesize_stream,
    tool_definitions,
)
from llmtrace.wire.reading import int_of, is_list, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.fields import RequestFields, ResponseFields
    from llmtrace.wire.reading import JsonObject

__all__ = [
    "detail_of",
    "input_messages",
    "merge_events",
    "output_messages",
    "request_fields",
    "response_fields",
    "synthesize_stream",
    "tool_definitions",
]

_MAX_DETAIL_CHARS = 2_000


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request."""
    return replace(openai_chat.request_fields(body), seed=int_of(body.get("random_seed")))


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    fields = openai_chat.response_fields(body)
    detail = detail_of(body)
    if fields.error_type is not None or detail is None:
        return fields
    return replace(fields, error_type="error", error_message=detail)


def detail_of(body: JsonObject) -> str | None:
    """Return what was wrong with a request, in the server framework's own form; None if nothing."""
    detail = body.get("detail")
    if is_list(detail):
        return json.dumps(detail, ensure_ascii=False)[:_MAX_DETAIL_CHARS]
    return text_of(detail)


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the conversation; of FIM, what stands before the gap and what after it."""
    messages, instructions = openai_chat.input_messages(body)
    given = [text_of(body.get(name)) for name in ("prompt", "suffix")]
    found = [parts.text_part(text) for text in given if text]
    if found:
        messages.append(Message(role="user", parts=tuple(found)))
    return messages, instructions
