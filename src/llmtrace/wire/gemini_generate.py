"""Google's generateContent and countTokens, of the Gemini API and of Vertex AI.

Follows https://ai.google.dev/api/generate-content. The model is in the URL, not in the body.
A prompt that was blocked ends with the reason as its finish: the call itself did not fail.
Streams are in ``gemini_stream``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.gemini_contents import (
    chars_of,
    field,
    finish_of,
    google_error,
    message_of,
    messages_of,
    parts_of,
    snake,
)
from llmtrace.wire.gemini_stream import merge_events, synthesize_stream
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    float_of,
    int_of,
    is_object,
    text_of,
    texts_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.records import Message
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

_OUTPUT_TYPES: Final = {"application/json": "json", "text/plain": "text", "text/x.enum": "text"}


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request."""
    config = as_object(field(body, "generationConfig"))
    return RequestFields(
        max_tokens=int_of(field(config, "maxOutputTokens")),
        temperature=float_of(config.get("temperature")),
        top_p=float_of(field(config, "topP")),
        top_k=int_of(field(config, "topK")),
        seed=int_of(config.get("seed")),
        frequency_penalty=float_of(field(config, "frequencyPenalty")),
        presence_penalty=float_of(field(config, "presencePenalty")),
        stop_sequences=texts_of(field(config, "stopSequences")),
        choice_count=int_of(field(config, "candidateCount")),
        service_tier=text_of(field(body, "serviceTier")),
        output_type=_output_type(config),
    )


def _output_type(config: JsonObject) -> str | None:
    asked = {item.upper() for item in texts_of(field(config, "responseModalities")) or ()}
    if "AUDIO" in asked:
        return "speech"
    if "IMAGE" in asked:
        return "image"
    return _OUTPUT_TYPES.get(text_of(field(config, "responseMimeType")) or "")


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    candidates = as_objects(body.get("candidates"))
    reasons = [finish_of(candidate) for candidate in candidates]
    feedback = as_object(field(body, "promptFeedback"))
    blocked = text_of(field(feedback, "blockReason"))
    error_type, error_message = google_error(body)
    return ResponseFields(
        id=text_of(field(body, "responseId")),
        model=text_of(field(body, "modelVersion")),
        finish_reasons=(
            *(reason for reason in reasons if reason),
            *((blocked,) if blocked else ()),
        ),
        usage=_usage(body),
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
        output_text_chars=sum(chars_of(as_object(each.get("content"))) for each in candidates),
    )


def _usage(body: JsonObject) -> Mapping[str, object] | None:
    usage = as_object(field(body, "usageMetadata"))
    return usage or None


def input_messages(
    body: JsonObject,
) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the conversation, and the system instruction, which stands apart from it."""
    inner = as_object(field(body, "generateContentRequest"))  # what countTokens may wrap
    body = inner or body
    system: list[Mapping[str, object]] = [*parts_of(field(body, "systemInstruction"))]
    return messages_of(body.get("contents")), system


def output_messages(body: JsonObject) -> list[Message]:
    """Return one message a candidate."""
    return [
        message_of(
            {"role": "model", **as_object(candidate.get("content"))},
            finish_reason=finish_of(candidate),
        )
        for candidate in as_objects(body.get("candidates"))
    ]


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the functions declared, and each tool of Google's own."""
    found: list[Mapping[str, object]] = []
    for tool in as_objects(body.get("tools")):
        for name, value in tool.items():
            if name in {"functionDeclarations", "function_declarations"}:
                found.extend(_function(item) for item in as_list(value) if is_object(item))
            else:
                found.append({**as_object(value), "type": snake(name)})
    return found


def _function(declared: JsonObject) -> Mapping[str, object]:
    schema = declared.get("parameters")
    if schema is None:
        schema = field(declared, "parametersJsonSchema")
    rest = {
        key: value
        for key, value in declared.items()
        if key not in {"parameters", "parametersJsonSchema", "parameters_json_schema"}
    }
    return {
        "type": "function",
        **rest,
        **({} if schema is None else {"parameters": schema}),
    }
