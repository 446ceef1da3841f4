"""OpenAI chat completions, and every provider that speaks their format.

Follows https://platform.openai.com/docs/api-reference/chat. Vendors' own fields
(``reasoning_content``, ``reasoning``, ``citations``, ``x_groq`` …) are read where they matter.
Streams are in ``openai_chat_stream``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.openai_chat_stream import merge_events, synthesize_stream
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    bool_of,
    error_of,
    float_of,
    int_of,
    is_object,
    length_of,
    text_of,
    texts_of,
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

_OUTPUT_TYPES: Final = {"text": "text", "json_object": "json", "json_schema": "json"}
_ROLES: Final = {"developer": "system", "function": "tool"}
REASONING_KEYS: Final = ("reasoning_content", "reasoning")
"""DeepSeek's name, and OpenRouter's and Groq's, for the text of the model's thinking."""


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request."""
    get = body.get
    limit = int_of(get("max_completion_tokens"))
    return RequestFields(
        model=text_of(get("model")),
        max_tokens=int_of(get("max_tokens")) if limit is None else limit,
        temperature=float_of(get("temperature")),
        top_p=float_of(get("top_p")),
        top_k=int_of(get("top_k")),
        seed=int_of(get("seed")),
        frequency_penalty=float_of(get("frequency_penalty")),
        presence_penalty=float_of(get("presence_penalty")),
        stop_sequences=texts_of(get("stop")),
        choice_count=int_of(get("n")),
        is_stream=bool_of(get("stream")),
        service_tier=text_of(get("service_tier")),
        output_type=_output_type(body),
        include_usage=bool_of(as_object(get("stream_options")).get("include_usage")),
    )


def _output_type(body: JsonObject) -> str | None:
    if "audio" in as_list(body.get("modalities")):
        return "speech"
    kind = text_of(as_object(body.get("response_format")).get("type"))
    return None if kind is None else _OUTPUT_TYPES.get(kind)


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    choices = as_objects(body.get("choices"))
    usage = as_object(body.get("usage")) or as_object(as_object(body.get("x_groq")).get("usage"))
    error_type, error_message = error_of(body)
    for choice in choices if error_type is None else ():
        # OpenRouter reports an upstream's failure inside the choice that it hit
        error_type, error_message = error_of(choice)
        if error_type is not None:
            break
    reasons = (text_of(choice.get("finish_reason")) for choice in choices)
    return ResponseFields(
        id=text_of(body.get("id")),
        model=text_of(body.get("model")),
        finish_reasons=tuple(reason for reason in reasons if reason is not None),
        service_tier=text_of(body.get("service_tier")),
        system_fingerprint=text_of(body.get("system_fingerprint")),
        usage=usage or None,
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
        output_text_chars=sum(_written(as_object(choice.get("message"))) for choice in choices),
    )


def _written(message: JsonObject) -> int:
    """Count the characters of one answer."""
    total = length_of(message.get("content")) + length_of(message.get("refusal"))
    for part in _content_parts(message.get("content")) if not total else ():
        total += length_of(part.get("content"))
    total += next((length_of(message[key]) for key in REASONING_KEYS if message.get(key)), 0)
    for call in as_objects(message.get("tool_calls")):
        total += length_of(as_object(call.get("function")).get("arguments"))
        total += length_of(as_object(call.get("custom")).get("input"))
    return total


def input_messages(
    body: JsonObject,
) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the conversation; instructions are messages of it, so there are none apart."""
    return [_message(message) for message in as_objects(body.get("messages"))], []


def output_messages(body: JsonObject) -> list[Message]:
    """Return one message a choice."""
    return [
        _message(
            as_object(choice.get("message")),
            role="assistant",
            finish_reason=text_of(choice.get("finish_reason")),
        )
        for choice in as_objects(body.get("choices"))
    ]


def _message(
    message: JsonObject, *, role: str | None = None, finish_reason: str | None = None
) -> Message:
    said = text_of(message.get("role")) or role or "user"
    found: list[Part] = []
    if said in {"tool", "function"}:
        call_id = message.get("tool_call_id") or message.get("name")
        content = message.get("content")
        texts = [part.get("content") for part in _content_parts(content)]
        response = texts[0] if len(texts) == 1 else content
        return Message(role="tool", parts=(parts.tool_response_part(call_id, response),))
    for key in REASONING_KEYS:
        if reasoning := text_of(message.get(key)):
            found.append(parts.reasoning_part(reasoning))
            break
    found.extend(_content_parts(message.get("content")))
    if refusal := text_of(message.get("refusal")):
        found.append(parts.refusal_part(refusal))
    found.extend(_tool_calls(message))
    if audio := as_object(message.get("audio")):
        found.append(_answered_audio(audio))
    return Message(role=_ROLES.get(said, said), parts=tuple(found), finish_reason=finish_reason)


def _tool_calls(message: JsonObject) -> list[Part]:
    found: list[Part] = []
    for call in as_objects(message.get("tool_calls")):
        function, custom = (
            as_object(call.get("function")),
            as_object(call.get("custom")),
        )
        name = function.get("name") or custom.get("name")
        arguments = function.get("arguments") if function else custom.get("input")
        found.append(parts.tool_call_part(call.get("id"), name, arguments))
    if old := as_object(message.get("function_call")):
        found.append(parts.tool_call_part(None, old.get("name"), old.get("arguments")))
    return found


def _answered_audio(audio: JsonObject) -> Part:
    if audio.get("data") is None:
        return parts.file_part("audio", audio.get("id"))
    part = parts.blob_part("audio", audio.get("data"), None)
    if transcript := text_of(audio.get("transcript")):
        part["transcript"] = transcript
    return part


def _content_parts(content: object) -> list[Part]:
    """Read the ``content`` of a message: a string, or a list of typed blocks."""
    if isinstance(content, str):
        return [parts.text_part(content)] if content else []
    found: list[Part] = []
    for block in as_list(content):
        if isinstance(block, str):
            found.append(parts.text_part(block))
        elif is_object(block):
            found.append(_block(as_object(block)))
    return found


def _block(block: JsonObject) -> Part:  # noqa: PLR0911  # one line a kind of block
    kind = text_of(block.get("type"))
    if kind == "text":
        return parts.text_part(text_of(block.get("text")) or "")
    if kind == "refusal":
        return parts.refusal_part(text_of(block.get("refusal")) or "")
    if kind == "image_url":
        url = block.get("image_url")
        return parts.media_part("image", text_of(url) or text_of(as_object(url).get("url")) or "")
    if kind == "input_audio":
        audio = as_object(block.get("input_audio"))
        form = text_of(audio.get("format"))
        return parts.blob_part("audio", audio.get("data"), f"audio/{form}" if form else None)
    if kind == "file":
        file = as_object(block.get("file"))
        if file_id := text_of(file.get("file_id")):
            return parts.file_part("document", file_id)
        return parts.media_part("document", text_of(file.get("file_data")) or "")
    if kind == "thinking":
        # Mistral's reasoning: blocks of text inside a block
        inner = as_objects(block.get("thinking"))
        return parts.reasoning_part("".join(text_of(piece.get("text")) or "" for piece in inner))
    return parts.other_part(block)


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the tools, functions flattened to one object each."""
    found: list[Mapping[str, object]] = []
    for tool in as_objects(body.get("tools")):
        kind = text_of(tool.get("type")) or "function"
        inner = as_object(tool.get(kind))
        found.append({"type": kind, **inner} if inner else {**tool, "type": kind})
    found.extend({"type": "function", **function} for function in as_objects(body.get("functions")))
    return found
