"""OpenAI transcriptions and translations: sound in, text out; JSON, bare text or streamed.

Follows https://platform.openai.com/docs/api-reference/audio. Newer models state tokens, Whisper the
seconds of sound (``usage`` of type ``duration``, or ``duration`` beside the text of an older or
verbose answer). A bare text, SRT or VTT states nothing. The sound itself is never read.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.reading import (
    JsonObject,
    as_object,
    as_objects,
    bool_of,
    error_of,
    float_of,
    is_object,
    length_of,
    parse_json,
    text_of,
)
from llmtrace.wire.sse import Merged, encode_event, json_events, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.sse import SseEvent


def text_as_json(data: bytes) -> bytes:
    """Return an answer as JSON: as it is, or with its bare text (also SRT, VTT) as ``text``."""
    if data.lstrip()[:1] == b"{" and is_object(parse_json(data)):
        return data
    return json.dumps({"text": data.decode("utf-8", "replace")}, ensure_ascii=False).encode()


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request: the fields of a form beside the file."""
    return RequestFields(
        model=text_of(body.get("model")),
        temperature=float_of(body.get("temperature")),
        is_stream=bool_of(body.get("stream")),
        output_type="text",
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    error_type, error_message = error_of(body)
    usage: JsonObject | None = as_object(body.get("usage")) or None
    if usage is None and body.get("duration") is not None:
        usage = {"duration": body["duration"]}
    return ResponseFields(
        id=text_of(body.get("id")),
        model=text_of(body.get("model")),
        usage=usage,
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
        output_text_chars=length_of(body.get("text")),
    )


def merge_events(events: list[SseEvent]) -> Merged:
    """Put a stream together; the last event has all of the text once more."""
    found = json_events(events)
    body: dict[str, object] = {}
    heard: list[str] = []
    segments: list[JsonObject] = []
    usage_events = 0
    is_complete = False
    for event in found.objects:
        kind = text_of(event.get("type"))
        if event.get("error") is not None:
            body["error"] = event["error"]
        elif kind == "transcript.text.delta":
            heard.append(text_of(event.get("delta")) or "")
        elif kind == "transcript.text.segment":
            segments.append({key: event[key] for key in event if key != "type"})
        elif kind == "transcript.text.done":
            is_complete = True
            usage_events += bool(as_object(event.get("usage")))
            body.update({key: event[key] for key in event if key != "type"})
    if heard or segments:
        body.setdefault("text", "".join(heard))
    if segments:
        body.setdefault("segments", segments)
    return Merged(
        body=body,
        is_complete=is_complete,
        usage_events=usage_events,
        problem=found.problem,
    )


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the prompt that goes with the sound, if there is one."""
    prompt = text_of(body.get("prompt"))
    return [] if prompt is None else [Message(role="user", parts=(parts.text_part(prompt),))], []


def output_messages(body: JsonObject) -> list[Message]:
    """Return what was heard; where speakers are told apart, one message each time one speaks."""
    spoken = [each for each in as_objects(body.get("segments")) if text_of(each.get("speaker"))]
    if spoken:
        return [_said(f"{each['speaker']}: {text_of(each.get('text')) or ''}") for each in spoken]
    text = text_of(body.get("text"))
    return [] if text is None else [_said(text)]


def _said(text: str) -> Message:
    return Message(role="assistant", parts=(parts.text_part(text),))


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return nothing: transcriptions take no tools."""
    del body
    return []


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Return server-sent events from which an SDK rebuilds ``body``."""
    del include_usage
    delta, done = "transcript.text.delta", "transcript.text.done"
    events = [
        encode_event({"type": delta, "delta": piece}, delta)
        for piece in pieces(text_of(body.get("text")) or "")
    ]
    return [*events, encode_event({"type": done, **body}, done)]
