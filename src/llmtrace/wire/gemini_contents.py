"""Google's contents and parts, as Gemini, Vertex AI and live sessions share them, and its errors.

Format: ai.google.dev/api/caching#Content. Bodies are JSON of protocol buffers: a field may be
written ``inlineData`` or ``inline_data``, an enumeration as its name or its number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.reading import (
    as_object,
    as_objects,
    error_of,
    int_of,
    is_object,
    length_of,
    text_of,
    written_chars,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.parts import Part
    from llmtrace.wire.reading import JsonObject

_ROLES: Final = {"model": "assistant", "function": "tool"}
_CAPITAL: Final = re.compile(r"(?<!^)[A-Z]")
_BESIDE: Final = frozenset(
    {
        "thought",
        "thoughtSignature",
        "thought_signature",
        "videoMetadata",
        "video_metadata",
        "partMetadata",
        "part_metadata",
        "mediaResolution",
        "media_resolution",
    }
)
"""Keys of a part that say something about it, and are not what it holds."""
_FINISHES: Final = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION"}
"""Numbers of finish reasons on which the Gemini API and Vertex AI agree."""


def snake(name: str) -> str:
    """Return ``inlineData`` as ``inline_data``."""
    return _CAPITAL.sub(lambda letter: f"_{letter[0].lower()}", name)


def field(body: JsonObject, name: str) -> object:
    """Return the field ``name`` (in camel case) of ``body``, under either way of writing it."""
    value = body.get(name)
    return body.get(snake(name)) if value is None else value


def finish_of(candidate: JsonObject) -> str | None:
    """Return why a candidate ended, in the provider's word; None while it has not."""
    reason = field(candidate, "finishReason")
    number = int_of(reason)
    if number:
        return _FINISHES.get(number, str(number))
    return text_of(reason)


def google_error(body: JsonObject) -> tuple[str | None, str | None]:
    """Return (status, message) of an error, as ``RESOURCE_EXHAUSTED``; (None, None) without one."""
    kind, message = error_of(body)
    if kind is None:
        return None, None
    return text_of(as_object(body.get("error")).get("status")) or kind, message


def messages_of(contents: object) -> list[Message]:
    """Return a conversation: a list of contents, or one."""
    if is_object(contents):
        return [message_of(contents)]
    return [message_of(content) for content in as_objects(contents)]


def message_of(content: JsonObject, *, finish_reason: str | None = None) -> Message:
    """Return one content as a message; without a role it is the user's."""
    found = parts_of(content)
    said = text_of(content.get("role")) or "user"
    role = _ROLES.get(said, said)
    if role == "user" and found and all(p["type"] == "tool_call_response" for p in found):
        role = "tool"
    return Message(role=role, parts=tuple(found), finish_reason=finish_reason)


def parts_of(content: object) -> list[Part]:
    """Return the parts of a content; a bare string is one of text."""
    if isinstance(content, str):
        return [parts.text_part(content)] if content else []
    return [_part(part) for part in as_objects(as_object(content).get("parts"))]


def _part(part: JsonObject) -> Part:  # noqa: PLR0911  # one line a kind of part
    text = part.get("text")
    if isinstance(text, str):
        thought = part.get("thought") is True
        return parts.reasoning_part(text) if thought else parts.text_part(text)
    if inline := as_object(field(part, "inlineData")):
        mime = text_of(field(inline, "mimeType"))
        return parts.blob_part(_modality(mime), inline.get("data"), mime)
    if file := as_object(field(part, "fileData")):
        mime = text_of(field(file, "mimeType"))
        return parts.media_part(_modality(mime), text_of(field(file, "fileUri")) or "", mime)
    if call := as_object(field(part, "functionCall")):
        arguments = call.get("args")
        if arguments is None:
            arguments = field(call, "partialArgs")
        return parts.tool_call_part(call.get("id"), call.get("name"), arguments)
    if done := as_object(field(part, "functionResponse")):
        return parts.tool_response_part(done.get("id") or done.get("name"), done.get("response"))
    for name, value in part.items():
        # code that the model ran, tools that Google ran, and whatever comes next
        if name not in _BESIDE:
            inner: Mapping[str, object] = value if is_object(value) else {"value": value}
            return {**inner, "type": snake(name)}
    return parts.other_part(part)


def _modality(mime_type: str | None) -> str:
    kind = (mime_type or "").partition("/")[0]
    return kind if kind in {"image", "audio", "video"} else "document"


def chars_of(content: JsonObject) -> int:
    """Count the characters that the model wrote into one content; pictures and sound are none."""
    total = 0
    for part in as_objects(content.get("parts")):
        total += length_of(part.get("text"))
        total += length_of(as_object(field(part, "executableCode")).get("code"))
        call = as_object(field(part, "functionCall"))
        total += written_chars(call.get("args") or field(call, "partialArgs") or "")
    return total
