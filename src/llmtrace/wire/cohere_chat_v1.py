"""Cohere's first API: chat, generate, summarize, classify. All of it may be retired any day.

Follows https://docs.cohere.com/v1/reference/chat. Streams are lines of JSON; the last one of a
stream that came to its end has the whole answer in it, usage included.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.cohere_meta import error_in, usage_in_meta
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    bool_of,
    float_of,
    int_of,
    is_object,
    length_of,
    parse_json,
    text_of,
    texts_of,
    written_chars,
)
from llmtrace.wire.sse import Merged, json_events, looks_like_sse, parse_sse, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.parts import Part
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_ROLES: Final = {"user": "user", "chatbot": "assistant", "system": "system", "tool": "tool"}


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
        choice_count=int_of(get("num_generations")),
        is_stream=bool_of(get("stream")),
        output_type="json" if kind == "json_object" else None,
        conversation_id=text_of(get("conversation_id")),
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    made = as_objects(body.get("generations"))
    reasons = [text_of(item.get("finish_reason")) for item in (made or [body])]
    error_type, error_message = error_in(body)
    total = length_of(body.get("text")) + length_of(body.get("summary"))
    total += sum(length_of(item.get("text")) for item in made)
    total += sum(written_chars(call) for call in as_objects(body.get("tool_calls")))
    return ResponseFields(
        id=text_of(body.get("response_id")) or text_of(body.get("id")),
        model=text_of(body.get("model")),
        finish_reasons=tuple(reason for reason in reasons if reason),
        usage=usage_in_meta(body),
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
        output_text_chars=total,
    )


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the conversation, and the preamble as instructions."""
    messages = [_of_history(item) for item in as_objects(body.get("chat_history"))]
    results = as_objects(body.get("tool_results"))
    if results:
        said = [
            parts.tool_response_part(as_object(item.get("call")).get("name"), item.get("outputs"))
            for item in results
        ]
        messages.append(Message(role="tool", parts=tuple(said)))
    asked = body.get("message") or body.get("prompt") or body.get("text")
    messages.extend(
        Message(role="user", parts=(parts.text_part(text),))
        for text in (asked, *as_list(body.get("inputs")))
        if isinstance(text, str) and text
    )
    preamble = text_of(body.get("preamble"))
    return messages, [parts.text_part(preamble)] if preamble else []


def _of_history(item: JsonObject) -> Message:
    role = text_of(item.get("role")) or "user"
    found: list[Part] = []
    if text := text_of(item.get("message")):
        found.append(parts.text_part(text))
    found += _calls(item)
    return Message(role=_ROLES.get(role.lower(), role.lower()), parts=tuple(found))


def _calls(item: JsonObject) -> list[Part]:
    return [
        parts.tool_call_part(None, call.get("name"), call.get("parameters"))
        for call in as_objects(item.get("tool_calls"))
    ]


def output_messages(body: JsonObject) -> list[Message]:
    """Return one message an answer."""
    found: list[Message] = []
    for item in as_objects(body.get("generations")) or [body]:
        text = text_of(item.get("text")) or text_of(item.get("summary"))
        said = [*([parts.text_part(text)] if text else []), *_calls(item)]
        if said:
            reason = text_of(item.get("finish_reason"))
            found.append(Message(role="assistant", parts=tuple(said), finish_reason=reason))
    return found


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the tools."""
    return [{"type": "function", **tool} for tool in as_objects(body.get("tools"))]


def parse_lines(data: bytes) -> list[SseEvent]:
    """Return each line as an event; the API also sends server-sent events, if asked for them."""
    if looks_like_sse(data):
        return parse_sse(data)
    return [("", line) for line in data.splitlines() if line.strip()]


def looks_like_lines(data: bytes) -> bool:
    """Tell a stream from a plain body, which is one JSON object without ``event_type``.

    Several objects are no JSON; neither is the half of one with which a stream was cut.
    """
    if looks_like_sse(data):
        return True
    if not data.lstrip().startswith(b"{"):
        return False
    whole = parse_json(data)
    return whole is None or (is_object(whole) and "event_type" in whole)


def merge_events(events: list[SseEvent]) -> Merged:
    """Put the lines of a stream together into one answer."""
    parsed = json_events(events)
    body: dict[str, object] = {}
    texts: list[str] = []
    has_ended = False
    for event in parsed.objects:
        kind = text_of(event.get("event_type"))
        if kind == "text-generation":
            texts.append(text_of(event.get("text")) or "")
        elif kind == "stream-end":
            has_ended = True
            if event.get("finish_reason") is not None:
                body["finish_reason"] = event["finish_reason"]
            body.update(as_object(event.get("response")))
        elif kind == "stream-error":
            has_ended = True
            body["error"] = text_of(event.get("err")) or "error"
        elif kind is None:
            body.update(event)
        else:
            ours = {"is_finished", "event_type"}
            body.update({key: value for key, value in event.items() if key not in ours})
    if "text" not in body and "generations" not in body:
        body["text"] = "".join(texts)
    return Merged(
        body=body,
        is_complete=has_ended,
        usage_events=int(usage_in_meta(body) is not None),
        problem=parsed.problem,
    )


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Take an answer apart into lines; ``include_usage`` changes nothing."""
    del include_usage
    made = as_objects(body.get("generations"))
    text = text_of((made[0] if made else body).get("text")) or ""
    lines: list[dict[str, object]] = [
        {"is_finished": False, "event_type": "stream-start", "generation_id": body.get("id")},
        *(
            {"is_finished": False, "event_type": "text-generation", "text": piece}
            for piece in pieces(text)
        ),
        {
            "is_finished": True,
            "event_type": "stream-end",
            "response": dict(body),
            "finish_reason": next(iter(response_fields(body).finish_reasons), None),
        },
    ]
    return [json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines]
