"""Message parts in the shape of the OTel GenAI message schema, made from providers' pieces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from llmtrace.wire.reading import parsed_or_text, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

Part = dict[str, object]

_BASE64_MARK: Final = ";base64"


def text_part(content: str) -> Part:
    """Return a part of plain text."""
    return {"type": "text", "content": content}


def reasoning_part(content: str) -> Part:
    """Return a part of the model's visible reasoning."""
    return {"type": "reasoning", "content": content}


def refusal_part(content: str) -> Part:
    """Return what the model said in place of an answer; the schema has no name for it."""
    return {"type": "refusal", "content": content}


def tool_call_part(call_id: object, name: object, arguments: object) -> Part:
    """Return a call of a tool; a string of JSON in ``arguments`` is parsed."""
    return {
        "type": "tool_call",
        "id": text_of(call_id),
        "name": text_of(name) or "",
        "arguments": parsed_or_text(arguments),
    }


def tool_response_part(call_id: object, response: object) -> Part:
    """Return what a tool answered."""
    return {"type": "tool_call_response", "id": text_of(call_id), "response": response}


def media_part(modality: str, url: str, mime_type: str | None = None) -> Part:
    """Return a picture, sound or document behind ``url``, which may hold it (``data:`` URL)."""
    if url.startswith("data:"):
        head, _, content = url.partition(",")
        if head.endswith(_BASE64_MARK):
            kind = head[len("data:") : -len(_BASE64_MARK)]
            return blob_part(modality, content, kind or mime_type)
    part: Part = {"type": "uri", "modality": modality, "uri": url}
    if mime_type:
        part["mime_type"] = mime_type
    return part


def blob_part(modality: str, content: object, mime_type: str | None) -> Part:
    """Return inline bytes, in base64 as they were sent."""
    return {
        "type": "blob",
        "modality": modality,
        "mime_type": mime_type,
        "content": content,
    }


def file_part(modality: str, file_id: object) -> Part:
    """Return a reference to a file that the provider keeps."""
    return {"type": "file", "modality": modality, "file_id": text_of(file_id) or ""}


def other_part(block: Mapping[str, object]) -> Part:
    """Return a block that the schema has no shape for, as it is."""
    return {**block, "type": text_of(block.get("type")) or "unknown"}


def written_text(part: Mapping[str, object]) -> str:
    """Return what a model wrote of a part: its text, or a tool's name and arguments."""
    if part.get("type") == "tool_call":
        arguments = part.get("arguments")
        return f"{text_of(part.get('name')) or ''}{_as_json(arguments)}"
    content = part.get("content")
    return content if isinstance(content, str) and part.get("type") != "blob" else ""


def _as_json(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):  # deeper than can be written
        return ""
