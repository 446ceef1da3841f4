"""Google's ``:predict``: images (Imagen), older embeddings, and videos to be made (Veo).

Follows https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api. There is
no usage object: what is billed is counted here, under the names that ``usage.gemini`` reads.
Pictures and vectors are not kept, and there
are no streams. A long-running call answers with an operation, and bills when that ends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn

from llmtrace.records import Message
from llmtrace.wire import gemini_embed, parts
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.gemini_contents import field, google_error
from llmtrace.wire.reading import as_object, as_objects, int_of, is_object, text_of
from llmtrace.wire.sse import Merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent


_PICTURE: Final = re.compile(rb'"bytesBase64Encoded"\s*:\s*"([A-Za-z0-9+/_=-]*)"')


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request."""
    asked = as_object(body.get("parameters"))
    return RequestFields(
        seed=int_of(asked.get("seed")),
        choice_count=int_of(field(asked, "sampleCount")),
        dimensions=int_of(field(asked, "outputDimensionality")),
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    error_type, error_message = google_error(body)
    return ResponseFields(
        id=text_of(body.get("name")),
        usage=_billed(body) or None,
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
    )


def _billed(body: JsonObject) -> dict[str, object]:
    """Count pictures, or add up the tokens that each embedding tells."""
    predictions = as_objects(body.get("predictions"))
    found: dict[str, object] = {**as_object(body.get("metadata"))}
    images = sum(1 for each in predictions if _is_image(each))
    if images:
        found["images"] = images
    statistics = [
        as_object(as_object(each.get("embeddings")).get("statistics")) for each in predictions
    ]
    counts = [count for each in statistics if (count := _tokens(each)) is not None]
    if counts:
        found["tokenCount"] = sum(counts)
    return found


def _tokens(statistics: JsonObject) -> int | None:
    """Return an embedding's tokens, which Vertex writes as a float."""
    count = statistics.get("token_count")
    return int_of(statistics.get("tokenCount") if count is None else count)


def _is_image(prediction: JsonObject) -> bool:
    return bool(prediction.get("bytesBase64Encoded") or prediction.get("gcsUri"))


def merge_events(events: list[SseEvent]) -> Merged:
    """Say that predictions are not streamed."""
    del events
    return Merged(body={}, is_complete=False, usage_events=0, problem="predictions have no streams")


def input_messages(
    body: JsonObject,
) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return each instance's prompt, text or picture as a user's message."""
    found: list[Message] = []
    for instance in as_objects(body.get("instances")):
        said = text_of(instance.get("prompt")) or text_of(instance.get("content"))
        given = [parts.text_part(said)] if said else []
        given.extend(_media(instance))
        if given:
            found.append(Message(role="user", parts=tuple(given)))
    return found, []


def _media(instance: JsonObject) -> list[parts.Part]:
    candidates = [("image", instance.get("image")), ("video", instance.get("video"))]
    candidates += [
        ("image", reference.get("referenceImage"))
        for reference in as_objects(field(instance, "referenceImages"))
    ]
    return [_medium(kind, as_object(given)) for kind, given in candidates if as_object(given)]


def _medium(kind: str, given: JsonObject) -> parts.Part:
    mime = text_of(field(given, "mimeType"))
    data = given.get("bytesBase64Encoded")
    if is_object(data):
        return {"type": "blob", "modality": kind, "bytes": int_of(data.get("bytes"))}
    if data is not None:
        return parts.blob_part(kind, data, mime)
    return parts.media_part(kind, text_of(given.get("gcsUri")) or "", mime)


def output_messages(body: JsonObject) -> list[Message]:
    """Return one message a picture."""
    return [
        Message(role="assistant", parts=(_medium("image", each),))
        for each in as_objects(body.get("predictions"))
        if _is_image(each)
    ]


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return nothing: predictions take no tools."""
    del body
    return []


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> NoReturn:
    """Raise ValueError: predictions are not streamed."""
    del body, include_usage
    raise ValueError("predictions have no streams")


def strip_vectors(body: JsonObject) -> JsonObject:
    """Return ``body`` with each vector replaced by its number of dimensions."""
    predictions = as_objects(body.get("predictions"))
    if not any(as_object(each.get("embeddings")) for each in predictions):
        return body
    stripped = [
        {
            **each,
            "embeddings": gemini_embed.strip_vectors({"embedding": each["embeddings"]})[
                "embedding"
            ],
        }
        if as_object(each.get("embeddings"))
        else each
        for each in predictions
    ]
    return {**body, "predictions": stripped}


def strip_vectors_json(body: bytes) -> bytes:
    """Do the same to JSON that is not parsed; a picture gives way to its size in bytes."""
    return _PICTURE.sub(_picture_size, gemini_embed.strip_vectors_json(body))


def _picture_size(match: re.Match[bytes]) -> bytes:
    size = len(match[1]) * 3 // 4 - match[1].count(b"=")
    return f'"bytesBase64Encoded":{{"bytes":{size}}}'.encode()
