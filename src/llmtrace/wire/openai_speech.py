"""OpenAI speech: text in, sound out. The sound is never kept; how many characters were read out is.

Follows https://platform.openai.com/docs/api-reference/audio/createSpeech. A plain answer is a file
and states nothing: models that are billed by the character are priced by the request
(``usage_of_request``). With ``stream_format: "sse"`` the sound comes in events, the last of which
states tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.reading import JsonObject, as_object, error_of, int_of, text_of
from llmtrace.wire.sse import Merged, encode_event, json_events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.sse import SseEvent


def usage_of_request(body: JsonObject) -> JsonObject | None:
    """Return what a request is billed by where the answer does not say; None if that is unknown."""
    text = body.get("input")
    return {"characters": len(text)} if isinstance(text, str) and text else None


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request."""
    return RequestFields(
        model=text_of(body.get("model")),
        is_stream=True if body.get("stream_format") == "sse" else None,
        output_type="speech",
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer that is JSON: a refusal, or a merged stream."""
    error_type, error_message = error_of(body)
    return ResponseFields(
        id=text_of(body.get("id")),
        model=text_of(body.get("model")),
        usage=as_object(body.get("usage")) or None,
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
    )


def merge_events(events: list[SseEvent]) -> Merged:
    """Put a stream together: the size of its sound, and its usage."""
    found = json_events(events)
    body: dict[str, object] = {}
    size = 0
    usage_events = 0
    is_complete = False
    for event in found.objects:
        kind = text_of(event.get("type"))
        if event.get("error") is not None:
            body["error"] = event["error"]
        elif kind == "speech.audio.delta":
            size += max(0, int_of(as_object(event.get("audio")).get("bytes")) or 0)
        elif kind == "speech.audio.done":
            is_complete = True
            usage_events += bool(as_object(event.get("usage")))
            body.update({key: event[key] for key in event if key != "type"})
    if size:
        body["audio"] = {"left_out": "base64", "bytes": size}
    return Merged(
        body=body,
        is_complete=is_complete,
        usage_events=usage_events,
        problem=found.problem,
    )


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the text to be read out, and how it shall sound."""
    text, how = text_of(body.get("input")), text_of(body.get("instructions"))
    said = [] if text is None else [Message(role="user", parts=(parts.text_part(text),))]
    return said, [] if how is None else [parts.text_part(how)]


def output_messages(body: JsonObject) -> list[Message]:
    """Return how large the sound was, if that is known."""
    size = int_of(as_object(body.get("audio")).get("bytes"))
    if size is None:
        return []
    return [
        Message(role="assistant", parts=({"type": "blob", "modality": "audio", "bytes": size},))
    ]


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return nothing: speech takes no tools."""
    del body
    return []


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Return the last event of a stream; its sound was not kept."""
    del include_usage
    kind = "speech.audio.done"
    return [encode_event({"type": kind, "usage": body.get("usage")}, kind)]
