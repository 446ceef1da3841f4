"""One response of a realtime session: what was asked for, and the event that closed it.

Follows https://platform.openai.com/docs/api-reference/realtime-server-events. The request is put
together by us: ``session`` (the server's last ``session.…`` event), ``response`` (the client's
``response.create``, if it sent one) and ``items`` (its ``conversation.item.create`` events since
the response before). The answer is the server's ``response.done``; it is never a stream here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    error_of,
    float_of,
    int_of,
    length_of,
    text_of,
)
from llmtrace.wire.sse import Merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.parts import Part
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_ROLES: Final = {"system": "system", "user": "user", "assistant": "assistant"}


def _asked(body: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Return the session's settings, and those of this response alone, which win."""
    session = as_object(as_object(body.get("session")).get("session"))
    return session, as_object(as_object(body.get("response")).get("response"))


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a response."""
    session, own = _asked(body)
    limit = int_of(own.get("max_output_tokens"))
    modalities = as_list(own.get("output_modalities") or session.get("output_modalities"))
    return RequestFields(
        model=text_of(own.get("model")) or text_of(session.get("model")),
        max_tokens=int_of(session.get("max_output_tokens")) if limit is None else limit,
        temperature=float_of(own.get("temperature") or session.get("temperature")),
        output_type="speech" if "audio" in modalities else "text" if modalities else None,
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read the event that closed a response."""
    response = as_object(body.get("response"))
    status = text_of(response.get("status"))
    details = as_object(response.get("status_details"))
    error_type, error_message = error_of(details)
    if status == "failed" and error_type is None:
        error_type = text_of(details.get("type")) or "failed"
    reason = text_of(details.get("reason")) or status
    items = as_objects(response.get("output"))
    return ResponseFields(
        id=text_of(response.get("id")),
        model=text_of(response.get("model")),
        finish_reasons=() if reason is None else (reason,),
        usage=as_object(response.get("usage")) or None,
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
        output_text_chars=sum(_written(item) for item in items),
    )


def _written(item: JsonObject) -> int:
    said = as_objects(item.get("content"))
    spoken = sum(length_of(part.get("text")) + length_of(part.get("transcript")) for part in said)
    return spoken + length_of(item.get("arguments"))


def merge_events(events: list[SseEvent]) -> Merged:
    """Return nothing: the closing event alone holds the answer."""
    del events
    return Merged(body={}, is_complete=False, usage_events=0)


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return what the client said since the response before, and the instructions in force."""
    session, own = _asked(body)
    instructions = text_of(own.get("instructions")) or text_of(session.get("instructions"))
    items = [as_object(event.get("item")) for event in as_objects(body.get("items"))]
    items += as_objects(own.get("input"))
    messages = [_message(item) for item in items]
    return messages, [parts.text_part(instructions)] if instructions else []


def output_messages(body: JsonObject) -> list[Message]:
    """Return what the model said, one message an item."""
    response = as_object(body.get("response"))
    return [_message(item) for item in as_objects(response.get("output"))]


def _message(item: JsonObject) -> Message:
    kind = text_of(item.get("type"))
    if kind == "function_call":
        call = parts.tool_call_part(item.get("call_id"), item.get("name"), item.get("arguments"))
        return Message(role="assistant", parts=(call,))
    if kind == "function_call_output":
        answer = parts.tool_response_part(item.get("call_id"), item.get("output"))
        return Message(role="tool", parts=(answer,))
    said = tuple(_part(part) for part in as_objects(item.get("content")))
    return Message(role=_ROLES.get(text_of(item.get("role")) or "", "assistant"), parts=said)


def _part(part: JsonObject) -> Part:
    text = text_of(part.get("text")) or text_of(part.get("transcript"))
    return parts.other_part(part) if text is None else parts.text_part(text)


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the tools offered to the model."""
    session, own = _asked(body)
    tools = as_objects(own.get("tools")) or as_objects(session.get("tools"))
    return [{"type": text_of(tool.get("type")) or "unknown", **tool} for tool in tools]


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Refuse: a session is a WebSocket, which no HTTP answer can stand for."""
    del body, include_usage
    raise ValueError("a realtime response cannot be made from a stored answer")
