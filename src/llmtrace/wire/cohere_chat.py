"""Cohere's chat, second version: one message with content blocks, a plan, and tool calls.

Follows https://docs.cohere.com/reference/chat. Answers name no model. Streams are events whose
``delta.message`` is what the message grows by; the last one has the reason and the usage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from llmtrace.records import Message
from llmtrace.wire import openai_chat, parts
from llmtrace.wire.cohere_meta import content_parts, error_in
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.reading import (
    as_object,
    as_objects,
    bool_of,
    float_of,
    int_of,
    is_list,
    is_object,
    length_of,
    text_of,
    texts_of,
)
from llmtrace.wire.sse import Merged, encode_event, json_events, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.parts import Part
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_OUTPUT_TYPES: Final = {"text": "text", "json_object": "json"}
_LISTS: Final = ("content", "tool_calls", "citations")


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request."""
    get = body.get
    kind = text_of(as_object(get("response_format")).get("type"))
    return RequestFields(
        model=text_of(get("model")),
        max_tokens=int_of(get("max_tokens")),
        temperature=float_of(get("temperature")),
        top_p=float_of(get("p")),
        top_k=int_of(get("k")),
        seed=int_of(get("seed")),
        frequency_penalty=float_of(get("frequency_penalty")),
        presence_penalty=float_of(get("presence_penalty")),
        stop_sequences=texts_of(get("stop_sequences")),
        is_stream=bool_of(get("stream")),
        output_type=_OUTPUT_TYPES.get(kind or ""),
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    reason = text_of(body.get("finish_reason"))
    error_type, error_message = error_in(body)
    message = as_object(body.get("message"))
    return ResponseFields(
        id=text_of(body.get("id")),
        model=text_of(body.get("model")),
        finish_reasons=(reason,) if reason else (),
        usage=as_object(body.get("usage")) or None,
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
        output_text_chars=_written(message),
    )


def _written(message: JsonObject) -> int:
    total = length_of(message.get("tool_plan"))
    for block in as_objects(message.get("content")):
        total += length_of(block.get("text")) + length_of(block.get("thinking"))
    for call in as_objects(message.get("tool_calls")):
        total += length_of(as_object(call.get("function")).get("arguments"))
    return total


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the conversation; instructions are messages of it, so there are none apart."""
    return [_message(message) for message in as_objects(body.get("messages"))], []


def output_messages(body: JsonObject) -> list[Message]:
    """Return the one message of an answer."""
    message = as_object(body.get("message"))
    if not message:
        return []
    return [_message(message, finish_reason=text_of(body.get("finish_reason")))]


def _message(message: JsonObject, *, finish_reason: str | None = None) -> Message:
    role = text_of(message.get("role")) or "user"
    if role == "tool":
        content = message.get("content")
        response = parts.tool_response_part(message.get("tool_call_id"), content)
        return Message(role="tool", parts=(response,))
    found: list[Part] = []
    if plan := text_of(message.get("tool_plan")):
        found.append(parts.reasoning_part(plan))
    found.extend(content_parts(message.get("content")))
    for call in as_objects(message.get("tool_calls")):
        function = as_object(call.get("function"))
        found.append(
            parts.tool_call_part(call.get("id"), function.get("name"), function.get("arguments"))
        )
    return Message(role=role, parts=tuple(found), finish_reason=finish_reason)


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the tools, which have OpenAI's form."""
    return openai_chat.tool_definitions(body)


def merge_events(events: list[SseEvent]) -> Merged:
    """Put the events of a stream together into one answer."""
    parsed = json_events(events)
    body: dict[str, object] = {"id": None}
    message: dict[str, object] = {"role": "assistant"}
    grown = _Grown(message)
    has_ended = False
    for event in parsed.objects:
        kind, delta = text_of(event.get("type")), as_object(event.get("delta"))
        if event.get("id") is not None:
            body["id"] = event["id"]
        if kind == "message-end":
            has_ended = True
            body.update({key: value for key, value in delta.items() if key != "message"})
        elif kind is None:  # an error in place of an event
            body.update({key: value for key, value in event.items() if key != "id"})
        else:
            grown.add(kind, int_of(event.get("index")), as_object(delta.get("message")))
    if "message" not in body:
        grown.finish()
        body["message"] = message
    return Merged(
        body=body,
        is_complete=has_ended or parsed.is_done,
        usage_events=int(bool(body.get("usage"))),
        problem=parsed.problem,
    )


class _Grown:
    """A message on its way: lists by index, whose texts grow."""

    def __init__(self, message: dict[str, object]) -> None:
        self._message = message
        self._items: dict[tuple[str, int], dict[str, object]] = {}
        self._texts: dict[tuple[int, str], tuple[dict[str, object], list[str]]] = {}

    def add(self, kind: str, index: int | None, delta: JsonObject) -> None:
        """Let one event's ``delta.message`` go on with the message."""
        for key, value in delta.items():
            if key in _LISTS and is_object(value):
                self._add_item(key, index, value, is_new=kind.endswith("-start"))
            elif isinstance(value, str) and key != "role":
                self._grow(self._message, key, value)
            elif not is_list(value) or value:
                self._message[key] = value

    def _add_item(self, key: str, index: int | None, piece: JsonObject, *, is_new: bool) -> None:
        place = (key, index or 0)
        item = self._items.get(place)
        if item is None or (is_new and key == "citations"):
            item = self._items[place] = {}
            cast("list[object]", self._message.setdefault(key, [])).append(item)
        for name, value in piece.items():
            if name in {"text", "thinking"} and isinstance(value, str) and key == "content":
                self._grow(item, name, value)
            elif name == "function" and is_object(value):
                inner = cast("dict[str, object]", item.setdefault("function", {}))
                for field, text in value.items():
                    if field == "arguments" and isinstance(text, str):
                        self._grow(inner, field, text)
                    else:
                        inner[field] = text
            else:
                item[name] = value

    def _grow(self, owner: dict[str, object], key: str, text: str) -> None:
        known = self._texts.get((id(owner), key))
        if known is None:
            known = self._texts[id(owner), key] = (owner, [])
            owner[key] = ""
        known[1].append(text)

    def finish(self) -> None:
        """Put the texts in place."""
        for (_, key), (owner, texts) in self._texts.items():
            owner[key] = "".join(texts)
        if self._message.get("tool_plan") == "":  # the first event has one, whatever comes
            del self._message["tool_plan"]


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Take an answer apart into the events of a stream; ``include_usage`` changes nothing."""
    del include_usage
    message = as_object(body.get("message"))
    empty: dict[str, object] = {
        "role": "assistant",
        "content": [],
        "tool_plan": "",
        "tool_calls": [],
        "citations": [],
    }
    events = [_event("message-start", {**empty, **_extra(message)}, id=body.get("id"))]
    if plan := text_of(message.get("tool_plan")):
        events += [_event("tool-plan-delta", {"tool_plan": piece}) for piece in pieces(plan)]
    for index, call in enumerate(as_objects(message.get("tool_calls"))):
        events += _call_events(index, call)
    for index, block in enumerate(as_objects(message.get("content"))):
        events += _block_events(index, block)
    for index, citation in enumerate(as_objects(message.get("citations"))):
        events.append(_event("citation-start", {"citations": citation}, index=index))
        events.append(_event("citation-end", None, index=index))
    end = {key: value for key, value in body.items() if key not in {"id", "message"}}
    events.append(encode_event({"type": "message-end", "delta": end}, "message-end"))
    return [*events, b"data: [DONE]\n\n"]


def _extra(message: JsonObject) -> dict[str, object]:
    return {k: v for k, v in message.items() if k not in {*_LISTS, "tool_plan"}}


def _event(kind: str, message: object, /, **more: object) -> bytes:
    payload: dict[str, object] = {"type": kind, **more}
    if message is not None:
        payload["delta"] = {"message": message}
    return encode_event(payload, kind)


def _call_events(index: int, call: JsonObject) -> list[bytes]:
    function = as_object(call.get("function"))
    arguments = text_of(function.get("arguments")) or ""
    first = {**call, "function": {**function, "arguments": ""}}
    return [
        _event("tool-call-start", {"tool_calls": first}, index=index),
        *(
            _event(
                "tool-call-delta", {"tool_calls": {"function": {"arguments": piece}}}, index=index
            )
            for piece in pieces(arguments)
        ),
        _event("tool-call-end", None, index=index),
    ]


def _block_events(index: int, block: JsonObject) -> list[bytes]:
    key = "thinking" if "thinking" in block else "text"
    whole = text_of(block.get(key))
    first = {**block, key: ""} if whole else block
    return [
        _event("content-start", {"content": first}, index=index),
        *(
            _event("content-delta", {"content": {key: piece}}, index=index)
            for piece in pieces(whole or "")
        ),
        _event("content-end", None, index=index),
    ]
