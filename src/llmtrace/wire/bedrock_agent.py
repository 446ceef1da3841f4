"""Bedrock's agents, flows, knowledge bases and rerank (``bedrock-agent-runtime``).

Streams of three kinds are brought to one body: ``completion`` (the text), ``traces`` and whatever
else came, in lists by the name of its event. What the models behind an agent consumed stands in its
traces, if it was asked for them: their sum is the ``usage``. Follows
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Agents_for_Amazon_Bedrock_Runtime.html.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.aws_eventstream import EXCEPTION, encode_message
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    error_of,
    int_of,
    is_object,
    parse_json,
    text_of,
)
from llmtrace.wire.sse import Merged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_DOCUMENTS_PER_UNIT: Final = 100
"""One query with up to so many documents is billed as one. Source: Bedrock's price list."""
_MAX_STEPS: Final = 10_000
"""Objects that are looked through for usage."""


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request; agent and session are in its path."""
    return RequestFields(model=text_of(body.get("foundationModel")))


def usage_of_request(body: JsonObject) -> JsonObject | None:
    """Return the search units of a Rerank, which its answer does not state; None for the others."""
    documents, queries = as_list(body.get("sources")), as_list(body.get("queries"))
    if not documents or not queries:
        return None
    units = -(-len(documents) // _DOCUMENTS_PER_UNIT) * len(queries)
    return {"billed_units": {"search_units": units}}


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    error_type, error_message = error_of(body)
    message = text_of(body.get("message"))
    if error_type is None and message and len(body) == 1:
        error_type, error_message = "error", message[:2_000]
    reason = text_of(as_object(body.get("flowCompletionEvent")).get("completionReason"))
    return ResponseFields(
        finish_reasons=() if reason is None else (reason,),
        usage=_usage(body.get("traces")),
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
        output_text_chars=len(_text(body)),
    )


def _text(body: JsonObject) -> str:
    told = text_of(body.get("completion")) or as_object(body.get("output")).get("text")
    return text_of(told) or ""


def _usage(traces: object) -> JsonObject | None:
    """Return the sum of what each model invocation in the traces consumed; None: none says it."""
    counts = list(_counts(traces))
    if not counts:
        return None
    return {
        "inputTokens": sum(given for given, _ in counts),
        "outputTokens": sum(made for _, made in counts),
        "modelInvocations": len(counts),
    }


def _counts(traces: object) -> Iterator[tuple[int, int]]:
    """Yield (input, output) of every ``modelInvocationOutput``, in whichever step it stands."""
    waiting: list[object] = list(as_list(traces))
    for _ in range(_MAX_STEPS):
        if not waiting:
            return
        step = as_object(waiting.pop())
        for name, value in step.items():
            told = as_object(as_object(as_object(value).get("metadata")).get("usage"))
            if name == "modelInvocationOutput" and told:
                yield int_of(told.get("inputTokens")) or 0, int_of(told.get("outputTokens")) or 0
            elif is_object(value):
                waiting.append(value)


def merge_events(events: list[SseEvent]) -> Merged:
    """Put a stream together. An agent's has no last event of its own: its text is its end."""
    body: dict[str, object] = {}
    texts: list[str] = []
    others: dict[str, list[object]] = {}
    bad = 0
    for name, payload in events:
        event = parse_json(payload)
        if not is_object(event):
            bad += 1
        elif name.startswith(EXCEPTION):
            error = {"type": name.removeprefix(EXCEPTION), "message": event.get("message")}
            body["error"] = error
        elif name == "chunk":
            texts.append(_unpacked(event.get("bytes")))
        elif name == "output":
            texts.append(text_of(event.get("text")) or "")
        elif name == "flowCompletionEvent":
            body[name] = event
        else:
            others.setdefault("traces" if name == "trace" else name, []).append(event)
    if texts:
        body["completion"] = "".join(texts)
    ends = texts or "returnControl" in others or "flowCompletionEvent" in body
    return Merged(
        body={**body, **others},
        is_complete=bool(ends) and "error" not in body,
        usage_events=0,
        problem=f"{bad} of {len(events)} events could not be read" if bad else None,
    )


def _unpacked(value: object) -> str:
    try:
        return base64.b64decode(text_of(value) or "", validate=True).decode("utf-8", "replace")
    except ValueError:
        return ""


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return what was asked, as one user message."""
    asked = (
        text_of(body.get("inputText"))
        or text_of(as_object(body.get("input")).get("text"))
        or text_of(as_object(body.get("retrievalQuery")).get("text"))
    )
    found = [asked] if asked else _flow_inputs(body)
    messages = [Message(role="user", parts=tuple(map(parts.text_part, found)))] if found else []
    told = text_of(body.get("instruction"))
    return messages, [parts.text_part(told)] if told else []


def _flow_inputs(body: JsonObject) -> list[str]:
    documents = [
        as_object(each.get("content")).get("document") for each in as_objects(body.get("inputs"))
    ]
    return [document for document in documents if isinstance(document, str)]


def output_messages(body: JsonObject) -> list[Message]:
    """Return what was answered; what flows put out are messages of their own."""
    found = [_text(body)] if _text(body) else []
    for event in as_objects(body.get("flowOutputEvent")):
        document = as_object(event.get("content")).get("document")
        found.append(document if isinstance(document, str) else json.dumps(document))
    return [Message(role="assistant", parts=(parts.text_part(text),)) for text in found]


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the action groups of an inline agent."""
    return [
        {"type": "action_group", "name": text_of(group.get("actionGroupName")) or ""}
        for group in as_objects(body.get("actionGroups"))
    ]


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Take an agent's answer apart into frames."""
    del include_usage
    frames = [_frame("trace", each) for each in as_objects(body.get("traces"))]
    for name, events in body.items():
        if name not in {"traces", "completion", "error", "flowCompletionEvent"}:
            frames.extend(_frame(name, each) for each in as_objects(events))
    if isinstance(body.get("completion"), str):
        packed = base64.b64encode(str(body["completion"]).encode("utf-8", "replace")).decode()
        frames.append(_frame("chunk", {"bytes": packed}))
    if ended := as_object(body.get("flowCompletionEvent")):
        frames.append(_frame("flowCompletionEvent", ended))
    if error := as_object(body.get("error")):
        name = text_of(error.get("type")) or "internalServerException"
        told = json.dumps({"message": error.get("message")}).encode()
        frames.append(encode_message(name, told, is_exception=True))
    return frames


def _frame(name: str, event: JsonObject) -> bytes:
    return encode_message(name, json.dumps(event, separators=(",", ":")).encode())
