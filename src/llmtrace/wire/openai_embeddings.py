"""OpenAI embeddings, and every provider that speaks their format. There are no streams.

Vectors are never kept: they are large, nobody reads them, and they can be made again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    error_of,
    int_of,
    is_list,
    is_object,
    text_of,
)
from llmtrace.wire.sse import Merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_FLOAT_BYTES: Final = 4
# Inside a JSON string every quote is escaped, so that this never matches in somebody's text.
_VECTOR: Final = re.compile(rb'"embedding"\s*:\s*(\[[-+0-9.eE,\s]*\]|"[A-Za-z0-9+/=]*")')


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request."""
    return RequestFields(
        model=text_of(body.get("model")),
        encoding_format=text_of(body.get("encoding_format")),
        dimensions=int_of(body.get("dimensions")),
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    usage = as_object(body.get("usage"))
    error_type, error_message = error_of(body)
    return ResponseFields(
        id=text_of(body.get("id")),
        model=text_of(body.get("model")),
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
    """Return each text as a user's message; texts sent as tokens are told by their number."""
    given = body.get("input")
    if isinstance(given, str):
        return [_user(parts.text_part(given))], []
    items = as_list(given)
    if items and all(isinstance(item, int) for item in items):
        return [_tokens(len(items))], []
    found: list[Message] = []
    for item in items:
        if isinstance(item, str):
            found.append(_user(parts.text_part(item)))
        elif is_list(item):
            found.append(_tokens(len(as_list(item))))
        elif is_object(item):
            found.append(_user(parts.other_part(as_object(item))))
    return found, []


def _user(part: parts.Part) -> Message:
    return Message(role="user", parts=(part,))


def _tokens(count: int) -> Message:
    return _user({"type": "tokens", "count": count})


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
    data = as_objects(body.get("data"))
    if not data:
        return body
    return {**body, "data": [{**item, **_summary(item)} for item in data]}


def _summary(item: JsonObject) -> dict[str, object]:
    vector = item.get("embedding")
    if isinstance(vector, str):
        return {"embedding": {"dimensions": base64_floats(vector), "encoding": "base64"}}
    if is_list(vector):
        return {"embedding": {"dimensions": len(vector), "encoding": "float"}}
    return {}


def base64_floats(text: str) -> int:
    """Return how many floats of four bytes a base64 text holds."""
    return (len(text) * 3 // 4 - text[-2:].count("=")) // _FLOAT_BYTES


def strip_vectors_json(body: bytes) -> bytes:
    """Do the same to JSON that is not parsed, without building a float."""
    return _VECTOR.sub(_summary_json, body)


def _summary_json(match: re.Match[bytes]) -> bytes:
    vector = match[1]
    if vector.startswith(b'"'):
        count, encoding = base64_floats(vector[1:-1].decode("ascii")), "base64"
    else:
        count, encoding = (
            vector.count(b",") + (len(vector.strip(b"[] \t\r\n")) > 0),
            "float",
        )
    return f'"embedding":{{"dimensions":{count},"encoding":"{encoding}"}}'.encode()
