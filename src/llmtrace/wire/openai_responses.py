"""OpenAI responses, and every provider that speaks their format.

Follows https://platform.openai.com/docs/api-reference/responses. Streams are in
``openai_responses_stream``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.openai_responses_stream import (
    TERMINAL_STATUSES,
    merge_events,
    synthesize_stream,
)
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

_OUTPUT_TYPES: Final = {"text": "text", "json_object": "json", "json_schema": "json"}
_ROLES: Final = {"developer": "system"}
_TEXT_BLOCKS: Final = frozenset({"input_text", "output_text", "text", "summary_text"})


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request."""
    get = body.get
    conversation = get("conversation")
    format_type = text_of(as_object(as_object(get("text")).get("format")).get("type"))
    return RequestFields(
        model=text_of(get("model")),
        max_tokens=int_of(get("max_output_tokens")),
        temperature=float_of(get("temperature")),
        top_p=float_of(get("top_p")),
        is_stream=bool_of(get("stream")),
        service_tier=text_of(get("service_tier")),
        output_type=None if format_type is None else _OUTPUT_TYPES.get(format_type),
        conversation_id=text_of(conversation) or text_of(as_object(conversation).get("id")),
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer; its finish reason is why it is incomplete, else its status."""
    usage = as_object(body.get("usage"))
    error_type, error_message = error_of(body)
    status = text_of(body.get("status"))
    reason = text_of(as_object(body.get("incomplete_details")).get("reason"))
    if reason is None and status in TERMINAL_STATUSES:
        reason = status
    output = as_objects(body.get("output"))
    return ResponseFields(
        id=text_of(body.get("id")),
        model=text_of(body.get("model")),
        finish_reasons=() if reason is None else (reason,),
        service_tier=text_of(body.get("service_tier")),
        usage=usage or None,
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
        output_text_chars=sum(_written(item) for item in output),
    )


def _written(item: JsonObject) -> int:
    total = length_of(item.get("arguments")) + length_of(item.get("input"))
    total += length_of(item.get("code"))
    for block in (*as_objects(item.get("content")), *as_objects(item.get("summary"))):
        total += length_of(block.get("text")) + length_of(block.get("refusal"))
    return total


def input_messages(
    body: JsonObject,
) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the items sent as messages, and ``instructions``.

    A request that goes on with ``previous_response_id`` holds only what is new.
    """
    instructions = text_of(body.get("instructions"))
    system: list[Mapping[str, object]] = []
    if instructions:
        system.append(parts.text_part(instructions))
    given = body.get("input")
    if isinstance(given, str):
        return [Message(role="user", parts=(parts.text_part(given),))], system
    return [_item_message(item) for item in as_objects(given)], system


def _item_message(item: JsonObject) -> Message:
    kind = text_of(item.get("type")) or "message"
    if kind == "message":
        role = text_of(item.get("role")) or "user"
        found = tuple(_content_parts(item.get("content")))
        return Message(role=_ROLES.get(role, role), parts=found)
    if kind.endswith("_output"):
        part = parts.tool_response_part(item.get("call_id"), item.get("output"))
        return Message(role="tool", parts=(part,))
    return Message(role="assistant", parts=tuple(_item_parts(item, kind)))


def output_messages(body: JsonObject) -> list[Message]:
    """Return one message of all output items, in their order; nothing if there are none."""
    found: list[Part] = []
    for item in as_objects(body.get("output")):
        kind = text_of(item.get("type")) or "message"
        if kind == "message":
            found.extend(_content_parts(item.get("content")))
        else:
            found.extend(_item_parts(item, kind))
    if not found:
        return []
    reasons = response_fields(body).finish_reasons
    reason = reasons[0] if reasons else None
    return [Message(role="assistant", parts=tuple(found), finish_reason=reason)]


def _item_parts(item: JsonObject, kind: str) -> list[Part]:
    """Read an item that the model made and that is no message."""
    if kind in {"function_call", "mcp_call"}:
        call_id = item.get("call_id") or item.get("id")
        return [parts.tool_call_part(call_id, item.get("name"), item.get("arguments"))]
    if kind == "custom_tool_call":
        return [parts.tool_call_part(item.get("call_id"), item.get("name"), item.get("input"))]
    if kind == "reasoning":
        blocks = (*as_objects(item.get("summary")), *as_objects(item.get("content")))
        return [parts.reasoning_part(text) for b in blocks if (text := text_of(b.get("text")))]
    if kind == "image_generation_call" and isinstance(item.get("result"), str):
        form = text_of(item.get("output_format")) or "png"
        return [parts.blob_part("image", item.get("result"), f"image/{form}")]
    if kind.endswith("_call"):
        # web_search_call, file_search_call, code_interpreter_call, …: the provider ran the tool
        rest = {key: value for key, value in item.items() if key not in {"id", "type"}}
        return [
            {
                **parts.tool_call_part(item.get("id"), kind.removesuffix("_call"), rest),
                "type": "server_tool_call",
            }
        ]
    return [parts.other_part(item)]


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
    if kind in _TEXT_BLOCKS:
        return parts.text_part(text_of(block.get("text")) or "")
    if kind == "refusal":
        return parts.refusal_part(text_of(block.get("refusal")) or "")
    if kind == "input_image":
        if url := text_of(block.get("image_url")):
            return parts.media_part("image", url)
        return parts.file_part("image", block.get("file_id"))
    if kind == "input_file":
        if url := text_of(block.get("file_data")) or text_of(block.get("file_url")):
            return parts.media_part("document", url)
        return parts.file_part("document", block.get("file_id"))
    if kind == "input_audio":
        audio = as_object(block.get("input_audio"))
        form = text_of(audio.get("format"))
        return parts.blob_part("audio", audio.get("data"), f"audio/{form}" if form else None)
    return parts.other_part(block)


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the tools as they are; the format is flat already."""
    return [
        {**tool, "type": text_of(tool.get("type")) or "function"}
        for tool in as_objects(body.get("tools"))
    ]
