"""Google's embedContent and batchEmbedContents. There are no streams.

Follows https://ai.google.dev/api/embeddings. Vectors are never kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn

from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.gemini_contents import field, google_error, messages_of
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    int_of,
    is_list,
    text_of,
)
from llmtrace.wire.sse import Merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.records import Message
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_VECTOR: Final = re.compile(rb'"values"\s*:\s*(\[[-+0-9.eE,\s]*\])')


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request; those of a batch are its first one's."""
    first = next(iter(as_objects(body.get("requests"))), body)
    config = as_object(field(first, "embedContentConfig"))
    model = text_of(first.get("model"))
    return RequestFields(
        model=model.removeprefix("models/") if model else None,
        dimensions=int_of(field(first, "outputDimensionality"))
        or int_of(field(config, "outputDimensionality")),
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    usage = as_object(field(body, "usageMetadata"))
    error_type, error_message = google_error(body)
    return ResponseFields(
        usage=usage or None,
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
    )


def merge_events(events: list[SseEvent]) -> Merged:
    """Say that embeddings are not streamed."""
    del events
    return Merged(body={}, is_complete=False, usage_events=0, problem="embeddings have no streams")


def input_messages(
    body: JsonObject,
) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return each content to embed as a message."""
    requests = as_objects(body.get("requests")) or [body]
    return [message for one in requests for message in messages_of(one.get("content"))], []


def output_messages(body: JsonObject) -> list[Message]:
    """Return nothing: vectors are no messages."""
    del body
    return []


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return nothing: embeddings take no tools."""
    del body
    return []


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> NoReturn:
    """Raise ValueError: embeddings are not streamed."""
    del body, include_usage
    raise ValueError("embeddings have no streams")


def strip_vectors(body: JsonObject) -> JsonObject:
    """Return ``body`` with each vector replaced by its number of dimensions."""
    stripped = dict(body)
    if one := as_object(body.get("embedding")):
        stripped["embedding"] = _stripped(one)
    if many := as_objects(body.get("embeddings")):
        stripped["embeddings"] = [_stripped(each) for each in many]
    return stripped


def _stripped(embedding: JsonObject) -> JsonObject:
    vector = embedding.get("values")
    if not is_list(vector):
        return embedding
    return {**embedding, "values": {"dimensions": len(as_list(vector)), "encoding": "float"}}


def strip_vectors_json(body: bytes) -> bytes:
    """Do the same to JSON that is not parsed, without building a float."""
    return _VECTOR.sub(_summary_json, body)


def _summary_json(match: re.Match[bytes]) -> bytes:
    vector = match[1]
    count = vector.count(b",") + (len(vector.strip(b"[] \t\r\n")) > 0)
    return f'"values":{{"dimensions":{count},"encoding":"float"}}'.encode()
