"""Events of an Anthropic message stream: put together into a message, and taken apart again.

Usage in ``message_delta`` is cumulative and overwrites, field by field; the ``output_tokens`` of
``message_start`` are a placeholder that only a cut stream keeps.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from llmtrace.wire.reading import (
    as_object,
    as_objects,
    int_of,
    merge_objects,
    parse_json,
    text_of,
)
from llmtrace.wire.sse import Merged, encode_event, json_events, pieces

if TYPE_CHECKING:
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_BLOCK_OF_DELTA: Final = {
    "text_delta": "text",
    "citations_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "thinking",
    "input_json_delta": "tool_use",
}
"""What a block is whose start was not seen."""
_TOOL_INPUT_BLOCKS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_STOP_KEYS: Final = ("stop_reason", "stop_sequence", "stop_details", "container")
"""Fields of a message that its stream tells at the end, in ``message_delta``."""
_PLACEHOLDER_TOKENS: Final = 1


class _Block:
    """One content block on its way; texts are kept in pieces until the end."""

    __slots__ = ("block", "partial_json", "texts")

    def __init__(self, start: JsonObject) -> None:
        self.block: dict[str, object] = dict(start)
        self.texts: dict[str, list[str]] = {}
        self.partial_json: list[str] = []

    def add(self, delta: JsonObject) -> None:
        for key, value in delta.items():
            if key == "type" or value is None:
                continue
            if key == "partial_json" and isinstance(value, str):
                self.partial_json.append(value)
            elif key == "citation":
                known = self.block.get("citations")
                if not isinstance(known, list):
                    known = self.block["citations"] = list[object]()
                cast("list[object]", known).append(value)
            elif isinstance(value, str) and key != "signature":
                if key not in self.texts:
                    self.texts[key] = [text_of(self.block.get(key)) or ""]
                self.texts[key].append(value)
            elif value != "" or key not in self.block:
                self.block[key] = value

    def finished(self) -> dict[str, object]:
        for key, texts in self.texts.items():
            self.block[key] = "".join(texts)
        if written := "".join(self.partial_json):
            found = parse_json(written)
            # a cut leaves JSON that nobody can parse; the text is what is known
            self.block["input"] = written if found is None else found
        return self.block


def merge_events(events: list[SseEvent]) -> Merged:
    """Put the events of a stream together into one message."""
    parsed = json_events(events)
    body: dict[str, object] = {}
    usage: dict[str, object] = {}
    blocks: dict[int, _Block] = {}
    usage_events = 0
    is_complete = False
    for event in parsed.objects:
        kind = text_of(event.get("type"))
        if kind == "content_block_delta":
            delta = as_object(event.get("delta"))
            index = int_of(event.get("index")) or 0
            if index not in blocks:
                guess = _BLOCK_OF_DELTA.get(text_of(delta.get("type")) or "", "unknown")
                blocks[index] = _Block({"type": guess})
            blocks[index].add(delta)
        elif kind == "content_block_start":
            index = int_of(event.get("index"))
            start = as_object(event.get("content_block"))
            blocks[len(blocks) if index is None else index] = _Block(start)
        elif kind in {"message_start", "message_delta"}:
            told = _take(body, event, is_start=kind == "message_start")
            usage_events += bool(told)
            merge_objects(usage, told)
            # The last count, with the reason of the end, is all there is: what follows it is only
            # ``message_stop``, which a reader may leave unread.
            is_complete = is_complete or (kind == "message_delta" and _is_last(body, told))
        elif kind == "message_stop":
            is_complete = True
        elif kind == "error":
            body["error"] = event.get("error")
    if blocks or "content" in body:
        body["content"] = [blocks[index].finished() for index in sorted(blocks)]
    if usage:
        body["usage"] = usage
    return Merged(
        body=body,
        is_complete=is_complete,
        usage_events=usage_events,
        problem=parsed.problem,
    )


def _is_last(body: dict[str, object], told: JsonObject) -> bool:
    return bool(told) and text_of(body.get("stop_reason")) is not None


def _take(body: dict[str, object], event: JsonObject, *, is_start: bool) -> JsonObject:
    """Lay what ``event`` says of the message over ``body``; return the usage it states."""
    if is_start:
        message = as_object(event.get("message"))
        body |= {key: value for key, value in message.items() if key != "usage"}
        return as_object(message.get("usage"))
    rest = {key: value for key, value in event.items() if key not in {"type", "delta", "usage"}}
    for key, value in {**as_object(event.get("delta")), **rest}.items():
        if value is not None or key not in body:
            body[key] = value
    return as_object(event.get("usage"))


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Take a message apart into the events of a stream; Anthropic always states usage."""
    del include_usage
    if body.get("type") == "error" or (body.get("error") is not None and "id" not in body):
        return [_event("error", error=body.get("error"))]
    usage = as_object(body.get("usage"))
    has_ended = body.get("stop_reason") is not None
    start: dict[str, object] = {
        key: value for key, value in body.items() if key not in {"error", *_STOP_KEYS}
    }
    start |= {"content": [], "stop_reason": None, "stop_sequence": None}
    if has_ended and "output_tokens" in usage:
        start["usage"] = {**usage, "output_tokens": _PLACEHOLDER_TOKENS}
    events = [_event("message_start", message=start)]
    for index, block in enumerate(as_objects(body.get("content"))):
        events.extend(_block_events(block, index))
    if has_ended:
        delta = {key: body[key] for key in _STOP_KEYS if key in body}
        events.append(_event("message_delta", delta=delta, usage=usage))
    if body.get("error") is not None:
        events.append(_event("error", error=body["error"]))
    elif has_ended:
        events.append(_event("message_stop"))
    return events


def _event(kind: str, /, **fields: object) -> bytes:
    return encode_event({"type": kind, **fields}, kind)


def _block_events(block: JsonObject, index: int) -> list[bytes]:
    start, deltas = _taken_apart(block)
    return [
        _event("content_block_start", index=index, content_block=start),
        *(_event("content_block_delta", index=index, delta=delta) for delta in deltas),
        _event("content_block_stop", index=index),
    ]


def _taken_apart(
    block: JsonObject,
) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Return how a block starts, and the deltas that fill it; most kinds come whole."""
    kind = text_of(block.get("type"))
    start = dict(block)
    deltas: list[dict[str, object]] = []
    if kind == "text" and isinstance(block.get("text"), str):
        start["text"] = ""
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(str(block["text"]))]
        if citations := block.get("citations"):
            start["citations"] = []
            for citation in cast("list[object]", citations) if isinstance(citations, list) else ():
                deltas.append({"type": "citations_delta", "citation": citation})
    elif kind == "thinking" and isinstance(block.get("thinking"), str):
        start["thinking"] = ""
        deltas = [
            {"type": "thinking_delta", "thinking": piece}
            for piece in pieces(str(block["thinking"]))
        ]
        if signature := text_of(block.get("signature")):
            start["signature"] = ""
            deltas.append({"type": "signature_delta", "signature": signature})
    elif kind in _TOOL_INPUT_BLOCKS and block.get("input"):
        given = block["input"]
        start["input"] = {}
        text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(text)]
    return start, deltas
