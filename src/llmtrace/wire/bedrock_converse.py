"""Bedrock's Converse and ConverseStream, and Nova's own format, which is nearly the same.

Follows https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html. The
framing of streams is in ``aws_eventstream``, their events in ``bedrock_converse_stream``. The model
is in the path, not in the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.bedrock_converse_stream import merge_events, synthesize_stream
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.reading import (
    as_object,
    as_objects,
    error_of,
    float_of,
    int_of,
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

_MEDIA: Final = ("image", "document", "video", "audio")


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request; Nova's own spellings are known too."""
    config = as_object(body.get("inferenceConfig"))
    get = {**as_object(body.get("additionalModelRequestFields")), **config}.get
    format_type = as_object(as_object(body.get("outputConfig")).get("textFormat")).get("type")
    limit = int_of(get("maxTokens"))
    return RequestFields(
        max_tokens=int_of(get("max_new_tokens")) if limit is None else limit,
        temperature=float_of(get("temperature")),
        top_p=float_of(get("topP") or get("top_p")),
        top_k=int_of(get("topK") or get("top_k")),
        stop_sequences=texts_of(get("stopSequences")),
        service_tier=text_of(as_object(body.get("serviceTier")).get("type")),
        output_type="json" if format_type == "json_schema" else None,
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    usage = as_object(body.get("usage"))
    reason = text_of(body.get("stopReason"))
    error_type, error_message = _error(body)
    blocks = as_objects(_message_of(body).get("content"))
    return ResponseFields(
        finish_reasons=() if reason is None else (reason,),
        service_tier=_tier(body),
        usage=usage or None,
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
        output_text_chars=sum(map(_written, blocks)),
    )


def _tier(body: JsonObject) -> str | None:
    """Return the tier served; latency-optimised inference has prices of its own, as a tier has."""
    tier = text_of(as_object(body.get("serviceTier")).get("type"))
    latency = as_object(body.get("performanceConfig")).get("latency")
    return "optimized" if tier is None and latency == "optimized" else tier


def _error(body: JsonObject) -> tuple[str | None, str | None]:
    """Return the error in a body. AWS names its type in a header; the body has only a message."""
    found = error_of(body)
    message = text_of(body.get("message")) or text_of(body.get("Message"))
    if found[0] is None and message and "output" not in body:
        return "error", message[:2_000]
    return found


def _message_of(body: JsonObject) -> JsonObject:
    return as_object(as_object(body.get("output")).get("message"))


def _written(block: JsonObject) -> int:
    reasoning = as_object(as_object(block.get("reasoningContent")).get("reasoningText"))
    called = as_object(block.get("toolUse")).get("input")
    written = 0 if called is None else written_chars(called)
    return length_of(block.get("text")) + length_of(reasoning.get("text")) + written


def input_messages(
    body: JsonObject,
) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the conversation, and the parts of ``system``."""
    messages = [
        _message(text_of(message.get("role")) or "user", message.get("content"))
        for message in as_objects(body.get("messages"))
    ]
    return messages, [_block(block) for block in as_objects(body.get("system"))]


def output_messages(body: JsonObject) -> list[Message]:
    """Return the one message of an answer; nothing if there is none."""
    message = _message_of(body)
    if not isinstance(message.get("content"), list):
        return []
    role = text_of(message.get("role")) or "assistant"
    return [_message(role, message.get("content"), text_of(body.get("stopReason")))]


def _message(role: str, content: object, finish_reason: str | None = None) -> Message:
    found = tuple(_block(block) for block in as_objects(content))
    if role == "user" and found and all(part["type"] == "tool_call_response" for part in found):
        # the user speaks for the tool; the message schema has a role for it
        role = "tool"
    return Message(role=role, parts=found, finish_reason=finish_reason)


def _block(block: JsonObject) -> Part:
    """Read one content block: an object with one key, which names its kind."""
    if isinstance(block.get("text"), str):
        return parts.text_part(str(block["text"]))
    if call := as_object(block.get("toolUse")):
        return parts.tool_call_part(call.get("toolUseId"), call.get("name"), call.get("input"))
    if result := as_object(block.get("toolResult")):
        return parts.tool_response_part(result.get("toolUseId"), _tool_result(result))
    if reasoning := as_object(block.get("reasoningContent")):
        said = as_object(reasoning.get("reasoningText")).get("text")
        return parts.reasoning_part(text_of(said) or "")
    for kind in _MEDIA:
        if media := as_object(block.get(kind)):
            return _media(kind, media)
    return parts.other_part({**block, "type": next(iter(block), "unknown")})


def _tool_result(result: JsonObject) -> object:
    """Return what a tool said; one block of text or JSON comes without its wrapping."""
    blocks = as_objects(result.get("content"))
    if len(blocks) == 1:
        for kind in ("text", "json"):
            if kind in blocks[0]:
                return blocks[0][kind]
    return result.get("content")


def _media(kind: str, media: JsonObject) -> Part:
    source = as_object(media.get("source"))
    form = text_of(media.get("format"))
    mime_type = f"{'application' if kind == 'document' else kind}/{form}" if form else None
    if stored := text_of(as_object(source.get("s3Location")).get("uri")):
        return parts.media_part(kind, stored, mime_type)
    return parts.blob_part(kind, source.get("bytes"), mime_type)


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the tools; cache points between them are none."""
    found: list[Mapping[str, object]] = []
    for tool in as_objects(as_object(body.get("toolConfig")).get("tools")):
        if spec := as_object(tool.get("toolSpec")):
            rest = {key: value for key, value in spec.items() if key != "inputSchema"}
            schema = as_object(spec.get("inputSchema")).get("json")
            found.append({"type": "function", **rest, "parameters": schema})
        elif system := as_object(tool.get("systemTool")):
            found.append({"type": "system_tool", **system})
    return found
