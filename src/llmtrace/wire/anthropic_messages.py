"""Anthropic messages, and every provider that speaks their format.

Follows https://docs.claude.com/en/api/messages. Streams are in ``anthropic_messages_stream``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.anthropic_messages_stream import merge_events, synthesize_stream
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    bool_of,
    error_of,
    float_of,
    int_of,
    is_object,
    length_of,
    text_of,
    texts_of,
    written_chars,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.parts import Part
    from llmtrace.wire.reading import JsonObject

__all__ = [
    "input_messages",
    "merge_events",
    "output_messages",
    "request_fields",
    "response_fields",
    "synthesize_stream",
    "tool_definitions",
]

_CALLS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_MODALITIES: Final = {"image": "image", "document": "document"}


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request."""
    get = body.get
    format_type = as_object(as_object(get("output_config")).get("format")).get("type")
    format_type = format_type or as_object(get("output_format")).get("type")
    return RequestFields(
        model=text_of(get("model")),
        max_tokens=int_of(get("max_tokens")),
        temperature=float_of(get("temperature")),
        top_p=float_of(get("top_p")),
        top_k=int_of(get("top_k")),
        stop_sequences=texts_of(get("stop_sequences")),
        is_stream=bool_of(get("stream")),
        service_tier=text_of(get("service_tier")),
        output_type="json" if format_type == "json_schema" else None,
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    usage = as_object(body.get("usage"))
    reason = text_of(body.get("stop_reason"))
    error_type, error_message = error_of(body)
    return ResponseFields(
        id=text_of(body.get("id")),
        model=text_of(body.get("model")),
        finish_reasons=() if reason is None else (reason,),
        service_tier=text_of(usage.get("service_tier")),
        usage=usage or None,
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
        output_text_chars=sum(_written(block) for block in as_objects(body.get("content"))),
    )


def _written(block: JsonObject) -> int:
    if text_of(block.get("type")) in _CALLS:
        return written_chars(block.get("input"))
    return length_of(block.get("text")) + length_of(block.get("thinking"))


def input_messages(
    body: JsonObject,
) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the conversation, and the parts of ``system``."""
    messages = [
        _message(text_of(message.get("role")) or "user", message.get("content"))
        for message in as_objects(body.get("messages"))
    ]
    system: list[Mapping[str, object]] = []
    system.extend(_content_parts(body.get("system")))
    return messages, system


def output_messages(body: JsonObject) -> list[Message]:
    """Return the one message of an answer; nothing if it has no content."""
    if not isinstance(body.get("content"), list):
        return []
    return [_message("assistant", body.get("content"), text_of(body.get("stop_reason")))]


def _message(role: str, content: object, finish_reason: str | None = None) -> Message:
    found = tuple(_content_parts(content))
    if role == "user" and found and all(part["type"] == "tool_call_response" for part in found):
        # Anthropic lets the user speak for the tool; the message schema has a role for it
        role = "tool"
    return Message(role=role, parts=found, finish_reason=finish_reason)


def _content_parts(content: object) -> list[Part]:
    if isinstance(content, str):
        return [parts.text_part(content)] if content else []
    found: list[Part] = []
    for block in as_list(content):
        if isinstance(block, str):
            found.append(parts.text_part(block))
        elif is_object(block):
            found.append(_block(block))
    return found


def _block(block: JsonObject) -> Part:  # noqa: PLR0911  # one line a kind of block
    kind = text_of(block.get("type"))
    if kind == "text":
        return parts.text_part(text_of(block.get("text")) or "")
    if kind == "thinking":
        return parts.reasoning_part(text_of(block.get("thinking")) or "")
    if kind == "tool_use":
        return parts.tool_call_part(block.get("id"), block.get("name"), block.get("input"))
    if kind in _CALLS:
        return {
            **parts.tool_call_part(block.get("id"), block.get("name"), block.get("input")),
            "type": "server_tool_call",
        }
    if kind == "tool_result":
        return parts.tool_response_part(block.get("tool_use_id"), _tool_result(block))
    if kind is not None and kind.endswith("_tool_result"):
        return {
            **parts.tool_response_part(block.get("tool_use_id"), block.get("content")),
            "type": "server_tool_call_response",
        }
    if kind is not None and kind in _MODALITIES:
        return _media(_MODALITIES[kind], as_object(block.get("source")), block)
    return parts.other_part(block)


def _tool_result(block: JsonObject) -> object:
    content = block.get("content")
    texts = [item.get("text") for item in as_objects(content) if item.get("type") == "text"]
    return texts[0] if len(texts) == 1 == len(as_list(content)) else content


def _media(modality: str, source: JsonObject, block: JsonObject) -> Part:
    kind = text_of(source.get("type"))
    mime_type = text_of(source.get("media_type"))
    if kind == "base64":
        return parts.blob_part(modality, source.get("data"), mime_type)
    if kind == "url":
        return parts.media_part(modality, text_of(source.get("url")) or "", mime_type)
    if kind == "file":
        return parts.file_part(modality, source.get("file_id"))
    if kind == "text":
        return parts.text_part(text_of(source.get("data")) or "")
    return parts.other_part(block)


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the tools; ``type`` is ``function`` unless the provider runs the tool itself."""
    found: list[Mapping[str, object]] = []
    for tool in as_objects(body.get("tools")):
        kind = text_of(tool.get("type")) or "custom"
        if kind == "custom":
            rest = {
                key: value for key, value in tool.items() if key not in {"type", "input_schema"}
            }
            found.append({"type": "function", **rest, "parameters": tool.get("input_schema")})
        else:
            found.append({**tool, "type": kind})
    return found
