"""Google's interactions: an answer is a list of steps, by a model or an agent.

Follows https://ai.google.dev/api/interactions-api. Streams are in ``gemini_interactions_stream``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.gemini_contents import google_error
from llmtrace.wire.gemini_interactions_stream import merge_events, synthesize_stream
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    bool_of,
    float_of,
    int_of,
    is_object,
    length_of,
    text_of,
    texts_of,
    written_chars,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.parts import Part
    from llmtrace.wire.reading import JsonObject

__all__ = [
    "input_messages",
    "merge_events",
    "output_messages",
    "request_fields",
    "response_fields",
    "synthesize_stream",
    "tool_definitions",
]

_OPEN: Final = frozenset({"in_progress", "queued"})
_MEDIA: Final = frozenset({"image", "audio", "video", "document"})


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request; an agent stands for its model."""
    config = as_object(body.get("generation_config"))
    return RequestFields(
        model=text_of(body.get("model")) or text_of(body.get("agent")),
        max_tokens=int_of(config.get("max_output_tokens")),
        temperature=float_of(config.get("temperature")),
        top_p=float_of(config.get("top_p")),
        seed=int_of(config.get("seed")),
        stop_sequences=texts_of(config.get("stop_sequences")),
        is_stream=bool_of(body.get("stream")),
        service_tier=text_of(body.get("service_tier")),
        output_type=_output_type(body),
    )


def _output_type(body: JsonObject) -> str | None:
    asked = texts_of(body.get("response_modalities")) or ()
    for kind, name in (("audio", "speech"), ("image", "image"), ("video", "video")):
        if kind in asked:
            return name
    return "json" if body.get("response_mime_type") == "application/json" else None


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer; one that is still worked on has no finish."""
    status = text_of(body.get("status"))
    error_type, error_message = google_error(body)
    errors = as_objects(body.get("errors"))
    if error_type is None and status == "failed":
        first = as_object(errors[0] if errors else None)
        error_type = text_of(first.get("code")) or "failed"
        error_message = text_of(first.get("message"))
    return ResponseFields(
        id=text_of(body.get("id")),
        model=text_of(body.get("model")) or text_of(body.get("agent")),
        finish_reasons=(status,) if status and status not in _OPEN else (),
        service_tier=text_of(body.get("service_tier")),
        usage=as_object(body.get("usage")) or None,
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
        output_text_chars=sum(_written(step) for step in _steps(body)),
    )


def _steps(body: JsonObject) -> list[JsonObject]:
    return as_objects(body.get("steps")) or as_objects(body.get("outputs"))


def _written(step: JsonObject) -> int:
    if str(step.get("type")).endswith("_result"):
        return 0  # Google's tools wrote it, or the app's
    blocks = [*as_objects(step.get("content")), *as_objects(step.get("summary")), step]
    texts = sum(length_of(block.get("text")) for block in blocks)
    return texts + written_chars(step.get("arguments") or "")


def input_messages(
    body: JsonObject,
) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return what was sent: a string, blocks of content, or the steps of a conversation."""
    said = text_of(body.get("system_instruction"))
    system: list[Mapping[str, object]] = [parts.text_part(said)] if said else []
    given = body.get("input")
    if isinstance(given, str):
        return [_user([parts.text_part(given)])] if given else [], system
    items = [given] if is_object(given) else as_objects(given)
    found: list[Message] = []
    blocks: list[Part] = []
    for item in items:
        kind = text_of(item.get("type")) or ""
        if kind == "text" or kind in _MEDIA:
            blocks.append(_block(item))
        else:
            found.append(_turn(item))
    if blocks:
        found.append(_user(blocks))
    return found, system


def _user(given: list[Part]) -> Message:
    return Message(role="user", parts=tuple(given))


def _turn(step: JsonObject) -> Message:
    """Return one step, or one turn of the older kind with a role and content."""
    kind = text_of(step.get("type")) or ""
    role = text_of(step.get("role")) or ""
    if kind == "user_input" or role == "user":
        return _user(_content(step.get("content")))
    if kind == "function_result":
        answer = parts.tool_response_part(step.get("call_id"), step.get("result"))
        return Message(role="tool", parts=(answer,))
    return Message(role="assistant", parts=tuple(_step_parts(step)))


def output_messages(body: JsonObject) -> list[Message]:
    """Return one message of all steps."""
    steps = _steps(body)
    if not steps:
        return []
    status = text_of(body.get("status"))
    found = tuple(part for step in steps for part in _step_parts(step))
    return [Message(role="assistant", parts=found, finish_reason=status)]


def _step_parts(step: JsonObject) -> list[Part]:
    kind = text_of(step.get("type")) or ""
    if kind in {"model_output", "user_input", ""}:
        return _content(step.get("content"))
    if kind == "text" or kind in _MEDIA:
        return [_block(step)]
    if kind == "thought":
        texts = (text_of(block.get("text")) for block in as_objects(step.get("summary")))
        return [parts.reasoning_part(text) for text in texts if text]
    if kind.endswith("_call"):
        name = step.get("name") or kind.removesuffix("_call")
        return [parts.tool_call_part(step.get("id"), name, step.get("arguments"))]
    if kind.endswith("_result"):
        return [parts.tool_response_part(step.get("call_id"), step.get("result"))]
    return [parts.other_part(step)]


def _content(content: object) -> list[Part]:
    if isinstance(content, str):
        return [parts.text_part(content)] if content else []
    return [_block(item) for item in as_list(content) if is_object(item)]


def _block(block: JsonObject) -> Part:
    kind = text_of(block.get("type")) or ""
    if kind == "text":
        return parts.text_part(text_of(block.get("text")) or "")
    if kind in _MEDIA:
        mime = text_of(block.get("mime_type"))
        if block.get("data") is not None:
            return parts.blob_part(kind, block.get("data"), mime)
        return parts.media_part(kind, text_of(block.get("uri")) or "", mime)
    return parts.other_part(block)


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the tools, which are flat objects with a type."""
    return [
        {**tool, "type": tool.get("type") or "function"} for tool in as_objects(body.get("tools"))
    ]
