"""One turn of a live session with Gemini: what the app said, and what the model said to it.

Follows https://ai.google.dev/api/live. The request is put together by us: ``session`` (the client's
``setup``) and ``messages`` (its ``client_content`` and ``tool_response`` since the turn before).
The answer is a line of JSON for each message of the server that is not sound or a picture;
merged, it has the text, the transcriptions, the tool calls and the last usage.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.gemini_contents import field, messages_of, parts_of
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    float_of,
    int_of,
    is_object,
    length_of,
    text_of,
)
from llmtrace.wire.sse import Merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.parts import Part
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_OUTPUTS: Final = {"TEXT": "text", "AUDIO": "speech", "IMAGE": "image"}


def _setup(body: JsonObject) -> JsonObject:
    return as_object(as_object(body.get("session")).get("setup"))


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of the session."""
    setup = _setup(body)
    config = as_object(field(setup, "generationConfig"))
    modalities = as_list(field(config, "responseModalities"))
    model = text_of(setup.get("model"))
    return RequestFields(
        model=model.rpartition("/")[2] if model else None,
        max_tokens=int_of(field(config, "maxOutputTokens")),
        temperature=float_of(config.get("temperature")),
        top_p=float_of(field(config, "topP")),
        top_k=int_of(field(config, "topK")),
        output_type=next(
            (_OUTPUTS[kind] for kind in modalities if isinstance(kind, str) and kind in _OUTPUTS),
            None,
        ),
        is_stream=True,
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read a merged turn."""
    reason = "interrupted" if body.get("interrupted") is True else None
    if reason is None and body.get("turnComplete") is True:
        reason = "turn_complete"
    texts = (body.get("text"), body.get("outputTranscription"))
    return ResponseFields(
        finish_reasons=() if reason is None else (reason,),
        usage=as_object(body.get("usageMetadata")) or None,
        is_complete=True,
        output_text_chars=sum(length_of(text) for text in texts),
    )


def parse_lines(data: bytes) -> list[SseEvent]:
    """Return each line as an event."""
    return [("", line) for line in data.split(b"\n") if line.strip()]


def looks_like_lines(data: bytes) -> bool:
    """Say whether ``data`` is a turn: every answer of a session comes by messages."""
    return bool(data.strip())


def merge_events(events: list[SseEvent]) -> Merged:
    """Put the messages of a turn together: texts joined, usage last wins."""
    merged: dict[str, Any] = {}
    usage_events, problem = 0, None
    for _, line in events:
        try:
            message: object = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not is_object(message):
            problem = "a message is not a JSON object"
            continue
        usage = as_object(message.get("usageMetadata"))
        if usage:
            merged["usageMetadata"] = dict(usage)
            usage_events += 1
        _add(merged, as_object(message.get("serverContent")))
        calls = as_list(as_object(message.get("toolCall")).get("functionCalls"))
        if calls:
            merged.setdefault("functionCalls", []).extend(calls)
    return Merged(
        body=merged,
        is_complete=merged.get("turnComplete") is True,
        usage_events=usage_events,
        problem=problem,
    )


def _add(merged: dict[str, Any], content: JsonObject) -> None:
    for name in ("turnComplete", "interrupted"):
        if content.get(name) is True:
            merged[name] = True
    for name in ("inputTranscription", "outputTranscription"):
        _join(merged, name, as_object(content.get(name)).get("text"))
    for part in as_objects(as_object(content.get("modelTurn")).get("parts")):
        _join(merged, "thoughts" if part.get("thought") is True else "text", part.get("text"))


def _join(merged: dict[str, Any], name: str, text: object) -> None:
    if isinstance(text, str) and text:
        merged[name] = merged.get(name, "") + text


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return what the app said in this turn, and the instructions of the session."""
    found: list[Message] = []
    for message in as_objects(body.get("messages")):
        said = as_object(field(message, "clientContent"))
        found += [each for turn in as_objects(said.get("turns")) for each in messages_of(turn)]
        results = as_object(field(message, "toolResponse"))
        answers = as_objects(field(results, "functionResponses"))
        found += [
            Message(
                role="tool",
                parts=(parts.tool_response_part(each.get("id"), each.get("response")),),
            )
            for each in answers
        ]
    instructions = as_object(field(_setup(body), "systemInstruction"))
    return found, list(parts_of(instructions)) if instructions else []


def output_messages(body: JsonObject) -> list[Message]:
    """Return what the model said, written or spoken."""
    found: list[Part] = []
    if thoughts := text_of(body.get("thoughts")):
        found.append(parts.reasoning_part(thoughts))
    texts = (text_of(body.get(name)) for name in ("text", "outputTranscription"))
    found += [parts.text_part(text) for text in texts if text]
    found += [
        parts.tool_call_part(call.get("id"), call.get("name"), call.get("args"))
        for call in as_objects(body.get("functionCalls"))
    ]
    reasons = response_fields(body).finish_reasons
    if not found:
        return []
    return [
        Message(role="assistant", parts=tuple(found), finish_reason=reasons[0] if reasons else None)
    ]


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the tools of the session."""
    return [
        {"type": "function", **declaration}
        for tool in as_objects(_setup(body).get("tools"))
        for declaration in as_objects(field(tool, "functionDeclarations"))
    ]


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Refuse: a session is a WebSocket, which no HTTP answer can stand for."""
    del body, include_usage
    raise ValueError("a live turn cannot be made from a stored answer")
