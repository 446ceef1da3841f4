"""Mistral's conversations: entries in, entries out, some of them made by tools on Mistral's side.

Follows https://docs.mistral.ai/api/endpoint/beta/conversations and the SDK's models. One request
may be several turns of a model with its connectors; usage is of all of them. Streams are events
that say which entry they go on with (``id``); the last has the usage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from llmtrace.records import Message
from llmtrace.wire import openai_chat, parts
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.mistral_chat import detail_of
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
from llmtrace.wire.sse import Merged, encode_event, json_events, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.parts import Part
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_OUTPUT_TYPES: Final = {"text": "text", "json_object": "json", "json_schema": "json"}
_STARTED, _DONE, _ERROR = (f"conversation.response.{name}" for name in ("started", "done", "error"))
_MESSAGE, _CALL, _TOOL = "message.output", "function.call", "tool.execution"
_HANDOFF: Final = "agent.handoff"
_GROWING: Final = {_MESSAGE: "content", _CALL: "arguments", _TOOL: "arguments"}
"""Kind of entry → its field that grows by deltas."""
_EVENT_ONLY: Final = frozenset({"type", "output_index", "content_index"})


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request; those of sampling stand in ``completion_args``."""
    get = as_object(body.get("completion_args")).get
    kind = text_of(as_object(get("response_format")).get("type"))
    return RequestFields(
        model=text_of(body.get("model")),
        max_tokens=int_of(get("max_tokens")),
        temperature=float_of(get("temperature")),
        top_p=float_of(get("top_p")),
        seed=int_of(get("random_seed")),
        frequency_penalty=float_of(get("frequency_penalty")),
        presence_penalty=float_of(get("presence_penalty")),
        stop_sequences=texts_of(get("stop")),
        is_stream=bool_of(body.get("stream")),
        output_type=_OUTPUT_TYPES.get(kind or ""),
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer; the model is named by the entries that it wrote."""
    entries = as_objects(body.get("outputs"))
    error_type, error_message = error_of(body)
    detail = detail_of(body)
    if error_type is None and detail is not None:
        error_type, error_message = "error", detail
    models = [text_of(entry.get("model")) for entry in entries]
    return ResponseFields(
        id=text_of(body.get("conversation_id")),
        model=next((model for model in reversed(models) if model), None),
        usage=as_object(body.get("usage")) or None,
        error_type=error_type,
        error_message=error_message,
        is_complete=True,
        output_text_chars=sum(_written(entry) for entry in entries),
    )


def _written(entry: JsonObject) -> int:
    content = entry.get("content")
    total = length_of(content) + length_of(entry.get("arguments"))
    return total + sum(length_of(block.get("text")) for block in as_objects(content))


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return what was said in this request, and the instructions given apart from it."""
    given = body.get("inputs")
    entries = [{"role": "user", "content": given}] if isinstance(given, str) else as_objects(given)
    text = text_of(body.get("instructions"))
    return [_message(entry) for entry in entries], [parts.text_part(text)] if text else []


def output_messages(body: JsonObject) -> list[Message]:
    """Return one message of all that came out, in its order."""
    entries = as_objects(body.get("outputs"))
    found = [part for entry in entries for part in _message(entry).parts]
    return [Message(role="assistant", parts=tuple(found))] if found else []


def _message(entry: JsonObject) -> Message:
    kind = text_of(entry.get("type"))
    if kind in {_CALL, _TOOL}:
        call_id = entry.get("tool_call_id") or entry.get("id")
        call = parts.tool_call_part(call_id, entry.get("name"), entry.get("arguments"))
        return Message(role="assistant", parts=(call,))
    if kind == "function.result":
        result = parts.tool_response_part(entry.get("tool_call_id"), entry.get("result"))
        return Message(role="tool", parts=(result,))
    if kind in {None, "message.input", _MESSAGE}:
        role = text_of(entry.get("role")) or ("assistant" if kind == _MESSAGE else "user")
        read, _ = openai_chat.input_messages(
            {"messages": [{"role": role, "content": entry.get("content")}]}
        )
        return read[0]
    return Message(role="assistant", parts=(_other(entry),))


def _other(entry: JsonObject) -> Part:
    return parts.other_part(entry)


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the tools; connectors are told by their type alone."""
    return openai_chat.tool_definitions(body)


def merge_events(events: list[SseEvent]) -> Merged:
    """Put the events of a stream together into one answer."""
    parsed = json_events(events)
    body: dict[str, object] = {"object": "conversation.response", "conversation_id": None}
    entries = _Entries()
    has_ended = False
    for event in parsed.objects:
        kind = text_of(event.get("type")) or ""
        if kind == _STARTED:
            body["conversation_id"] = event.get("conversation_id")
        elif kind == _DONE:
            has_ended = True
            body["usage"] = event.get("usage")
        elif kind == _ERROR:
            has_ended = True
            body["error"] = {"message": event.get("message"), "code": event.get("code")}
        elif not kind:  # an error in place of an event
            body.update(event)
        else:
            entries.add(kind, event)
    body["outputs"] = entries.finished()
    return Merged(
        body=body,
        is_complete=has_ended,
        usage_events=int(bool(body.get("usage"))),
        problem=parsed.problem,
    )


class _Entries:
    """Entries on their way, by id; texts are kept in pieces until the end."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, object]] = {}
        self._texts: dict[str, list[str]] = {}

    def add(self, kind: str, event: JsonObject) -> None:
        """Let an event begin an entry, or go on with it."""
        name = kind.rpartition(".")[0]
        key = text_of(event.get("id")) or name
        entry = self._found.setdefault(key, {"object": "entry", "type": name})
        growing = _GROWING.get(name, "")
        for field, value in event.items():
            if field in _EVENT_ONLY:
                continue
            if field != growing:
                entry[field] = value
            elif isinstance(value, str):
                self._texts.setdefault(key, []).append(value)
                entry.setdefault(field, "")
            elif is_object(value):
                self._add_block(key, entry, value)

    def _add_block(self, key: str, entry: dict[str, object], block: JsonObject) -> None:
        """Take one chunk of content in: text goes on, anything else is a block of its own."""
        text = block.get("text")
        if block.get("type") == "text" and isinstance(text, str):
            self._texts.setdefault(key, []).append(text)
            entry.setdefault("content", "")
            return
        blocks = entry.get("content")
        if not isinstance(blocks, list):
            said = "".join(self._texts.pop(key, ()))
            blocks = entry["content"] = [{"type": "text", "text": said}] if said else []
        cast("list[object]", blocks).append(dict(block))

    def finished(self) -> list[dict[str, object]]:
        """Return the entries in the order in which they began."""
        for key, texts in self._texts.items():
            entry = self._found[key]
            field = _GROWING[cast("str", entry["type"])]
            known = entry.get(field)
            if isinstance(known, list):
                text = {"type": "text", "text": "".join(texts)}
                cast("list[object]", known).append(text)
            else:
                entry[field] = "".join(texts)
        return list(self._found.values())


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Take an answer apart into the events of a stream; ``include_usage`` changes nothing."""
    del include_usage
    events = [_event(_STARTED, conversation_id=body.get("conversation_id"))]
    for index, entry in enumerate(as_objects(body.get("outputs"))):
        events += _entry_events(index, entry)
    if error := as_object(body.get("error")):
        return [*events, _event(_ERROR, **error)]
    return [*events, _event(_DONE, usage=body.get("usage"))]


def _event(kind: str, /, **fields: object) -> bytes:
    return encode_event({"type": kind, **fields}, kind)


def _entry_events(index: int, entry: JsonObject) -> list[bytes]:
    name = text_of(entry.get("type")) or _MESSAGE
    rest = {key: value for key, value in entry.items() if key not in {"type", "object"}}
    field = _GROWING.get(name)
    if name in {_TOOL, _HANDOFF} or field is None:
        told = {**rest, "output_index": index}
        return [_event(f"{name}.{step}", **told) for step in ("started", "done")]
    whole = rest.pop(field, None)
    grown = pieces(whole) or [""] if isinstance(whole, str) else as_list(whole)
    return [
        _event(f"{name}.delta", **{**rest, field: piece, "output_index": index}) for piece in grown
    ]
