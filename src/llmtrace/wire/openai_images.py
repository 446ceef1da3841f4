"""OpenAI images: made from a prompt, edited, varied; plain and streamed. Pictures are not kept.

Follows https://platform.openai.com/docs/api-reference/images. GPT image models state tokens; DALL·E
states nothing and is billed by the picture, so that their number stands for the usage. An upload's
request is known by its form fields alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.reading import (
    JsonObject,
    as_list,
    as_object,
    as_objects,
    bool_of,
    error_of,
    int_of,
    text_of,
)
from llmtrace.wire.sse import Merged, encode_event, json_events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.sse import SseEvent

_PICTURE: Final = ("b64_json", "url", "revised_prompt")
_OF_ALL: Final = ("background", "output_format", "quality", "size")


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request."""
    return RequestFields(
        model=text_of(body.get("model")),
        choice_count=int_of(body.get("n")),
        is_stream=bool_of(body.get("stream")),
        output_type="image",
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    error_type, error_message = error_of(body)
    count = len(as_list(body.get("data")))
    usage: JsonObject | None = as_object(body.get("usage")) or None
    if body.get("usage") is None and count:
        usage = {"images": count}
    return ResponseFields(
        id=text_of(body.get("id")),
        model=text_of(body.get("model")),
        usage=usage,
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
    )


def merge_events(events: list[SseEvent]) -> Merged:
    """Put a stream together: its finished pictures, without the drafts before them."""
    found = json_events(events)
    body: dict[str, object] = {}
    pictures: list[dict[str, object]] = []
    usage_events = 0
    for event in found.objects:
        kind = text_of(event.get("type")) or ""
        if event.get("error") is not None:
            body["error"] = event["error"]
        if not kind.endswith(".completed"):
            continue
        pictures.append({key: event[key] for key in _PICTURE if key in event})
        body.update({key: event[key] for key in _OF_ALL if key in event})
        body.setdefault("created", event.get("created_at"))
        if as_object(event.get("usage")):
            usage_events += 1
            body["usage"] = event["usage"]
    if pictures:
        body["data"] = pictures
    return Merged(
        body=body,
        is_complete=bool(pictures),
        usage_events=usage_events,
        problem=found.problem,
    )


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the prompt as a user's message."""
    prompt = text_of(body.get("prompt"))
    return [] if prompt is None else [Message(role="user", parts=(parts.text_part(prompt),))], []


def output_messages(body: JsonObject) -> list[Message]:
    """Return one message a picture: where it is, or how large it was."""
    return [
        Message(role="assistant", parts=tuple(_parts(each)))
        for each in as_objects(body.get("data"))
    ]


def _parts(picture: JsonObject) -> list[parts.Part]:
    found: list[parts.Part] = []
    prompt = text_of(picture.get("revised_prompt"))
    if prompt is not None:
        found.append(parts.text_part(prompt))
    url = text_of(picture.get("url"))
    if url is not None:
        found.append(parts.media_part("image", url))
    elif picture.get("b64_json") is not None:
        size = int_of(as_object(picture["b64_json"]).get("bytes"))
        found.append({"type": "blob", "modality": "image", "bytes": size})
    return found


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return nothing: image models take no tools."""
    del body
    return []


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Return one event a picture, from which an SDK rebuilds what was kept of ``body``."""
    del include_usage
    of_all = {key: body[key] for key in _OF_ALL if key in body}
    usage = {"usage": body["usage"]} if body.get("usage") is not None else {}
    kind = "image_generation.completed"
    return [
        encode_event(
            {"type": kind, "created_at": body.get("created"), **picture, **of_all, **usage}, kind
        )
        for picture in as_objects(body.get("data"))
    ]
