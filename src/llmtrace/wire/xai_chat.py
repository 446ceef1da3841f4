"""xAI's chat over gRPC, as the JSON of its protobuf messages (field names as in the .proto).

Follows https://docs.x.ai/docs/grpc-reference. A stream is a line of JSON for each chunk, bare or
under ``chunk``; a line ``{"done":true}`` says that the server ended it in order.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    bool_of,
    float_of,
    int_of,
    length_of,
    text_of,
    texts_of,
)
from llmtrace.wire.sse import Merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.parts import Part
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_ROLES: Final = {
    "ROLE_SYSTEM": "system",
    "ROLE_DEVELOPER": "system",
    "ROLE_USER": "user",
    "ROLE_ASSISTANT": "assistant",
    "ROLE_TOOL": "tool",
    "ROLE_FUNCTION": "tool",
}
_REASON: Final = "REASON_"
_TEXTS: Final = ("content", "reasoning_content", "encrypted_content")


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request."""
    get = body.get
    return RequestFields(
        model=text_of(get("model")),
        max_tokens=int_of(get("max_tokens")),
        temperature=float_of(get("temperature")),
        top_p=float_of(get("top_p")),
        seed=int_of(get("seed")),
        frequency_penalty=float_of(get("frequency_penalty")),
        presence_penalty=float_of(get("presence_penalty")),
        stop_sequences=texts_of(get("stop")),
        choice_count=int_of(get("n")),
        is_stream=bool_of(get("stream")),
        service_tier=_tier(body),
        conversation_id=text_of(get("conversation_id")),
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    outputs = as_objects(body.get("outputs"))
    reasons = (text_of(output.get("finish_reason")) for output in outputs)
    return ResponseFields(
        id=text_of(body.get("id")),
        model=text_of(body.get("model")),
        finish_reasons=tuple(
            reason.removeprefix(_REASON).lower()
            for reason in reasons
            if reason is not None and reason != "REASON_INVALID"
        ),
        service_tier=_tier(body),
        system_fingerprint=text_of(body.get("system_fingerprint")),
        usage=as_object(body.get("usage")) or None,
        is_complete=True,
        output_text_chars=sum(_written(as_object(output.get("message"))) for output in outputs),
    )


def _tier(body: JsonObject) -> str | None:
    tier = text_of(body.get("service_tier"))
    return None if tier is None else tier.removeprefix("SERVICE_TIER_").lower()


def _written(message: JsonObject) -> int:
    calls = as_objects(message.get("tool_calls"))
    arguments = sum(length_of(as_object(call.get("function")).get("arguments")) for call in calls)
    return sum(length_of(message.get(name)) for name in _TEXTS[:2]) + arguments


def looks_like_lines(data: bytes) -> bool:
    """Say whether ``data`` is a line of JSON for each chunk."""
    first = data.split(b"\n", 1)[0]
    return b'"delta"' in first or b'"chunk"' in first or b'"done"' in first


def parse_lines(data: bytes) -> list[SseEvent]:
    """Return each line as an event."""
    return [("", line) for line in data.split(b"\n") if line.strip()]


def merge_events(events: list[SseEvent]) -> Merged:
    """Put the chunks of a stream together, as the SDK does: texts joined, usage last wins."""
    merged: dict[str, Any] = {}
    outputs: dict[int, dict[str, Any]] = {}
    is_complete, usage_events, problem = False, 0, None
    for _, line in events:
        try:
            given = as_object(json.loads(line))
        except (ValueError, RecursionError):
            problem = "a chunk is not a JSON object"
            continue
        if given.get("done") is True:
            is_complete = True
            continue
        chunk = as_object(given.get("chunk")) or given
        usage_events += bool(as_object(chunk.get("usage")))
        merged.update({name: value for name, value in chunk.items() if name != "outputs" and value})
        for output in as_objects(chunk.get("outputs")):
            _add(outputs, output)
    if outputs:
        merged["outputs"] = [outputs[index] for index in sorted(outputs)]
    return Merged(body=merged, is_complete=is_complete, usage_events=usage_events, problem=problem)


def _add(outputs: dict[int, dict[str, Any]], output: JsonObject) -> None:
    index = int_of(output.get("index")) or 0
    made = outputs.setdefault(index, {"index": index, "message": {}})
    message, delta = made["message"], as_object(output.get("delta"))
    if text_of(output.get("finish_reason")):
        made["finish_reason"] = output["finish_reason"]
    for name, value in delta.items():
        if name in _TEXTS and isinstance(value, str):
            message[name] = message.get(name, "") + value
        elif name in {"tool_calls", "citations"}:
            message.setdefault(name, []).extend(as_list(value))
        else:
            message[name] = value


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the conversation; instructions are messages of it."""
    return [_message(message) for message in as_objects(body.get("messages"))], []


def _message(message: JsonObject) -> Message:
    role = _ROLES.get(text_of(message.get("role")) or "", "user")
    found: list[Part] = []
    if reasoning := text_of(message.get("reasoning_content")):
        found.append(parts.reasoning_part(reasoning))
    found += [_part(piece) for piece in as_objects(message.get("content"))]
    if text := text_of(message.get("content")):
        found.append(parts.text_part(text))
    for call in as_objects(message.get("tool_calls")):
        function = as_object(call.get("function"))
        found.append(
            parts.tool_call_part(call.get("id"), function.get("name"), function.get("arguments"))
        )
    if role == "tool":
        response = "".join(str(part.get("content", "")) for part in found)
        found = [parts.tool_response_part(message.get("tool_call_id"), response)]
    return Message(role=role, parts=tuple(found))


def _part(piece: JsonObject) -> Part:
    text = piece.get("text")
    if isinstance(text, str):
        return parts.text_part(text)
    url = text_of(as_object(piece.get("image_url")).get("image_url"))
    if url is not None:
        return parts.media_part("image", url)
    file_id = as_object(piece.get("file")).get("file_id")
    return parts.other_part(piece) if file_id is None else parts.file_part("document", file_id)


def output_messages(body: JsonObject) -> list[Message]:
    """Return what the model answered, one message an output."""
    found: list[Message] = []
    for output in as_objects(body.get("outputs")):
        said = _message({"role": "ROLE_ASSISTANT", **as_object(output.get("message"))})
        reason = text_of(output.get("finish_reason"))
        found.append(
            Message(
                role="assistant",
                parts=said.parts,
                finish_reason=reason.removeprefix(_REASON).lower() if reason else None,
            )
        )
    return found


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the tools offered to the model."""
    found: list[Mapping[str, object]] = []
    for tool in as_objects(body.get("tools")):
        function = as_object(tool.get("function"))
        kind = next(iter(tool), "unknown")
        found.append({"type": kind, **function} if function else {"type": kind, **tool})
    return found


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Refuse: gRPC has no bytes that a server of HTTP could send."""
    del body, include_usage
    raise ValueError("xAI's gRPC streams cannot be made from a stored answer")
