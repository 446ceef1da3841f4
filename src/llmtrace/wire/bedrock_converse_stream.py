"""Events of ConverseStream: put together into Converse's answer, and taken apart again.

Each event's name is its kind. ``metadata`` comes last, once, and alone states usage. ``p`` is
padding against guessing texts by their length; it is left out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llmtrace.wire.aws_eventstream import EXCEPTION, encode_message
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    int_of,
    is_object,
    merge_objects,
    parse_json,
    text_of,
)
from llmtrace.wire.sse import Merged, pieces

if TYPE_CHECKING:
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent


class _Block:
    """One content block on its way; texts are kept in pieces until the end."""

    __slots__ = ("citations", "others", "reasoning", "texts", "tool", "tool_input")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.tool: dict[str, object] = {}
        self.tool_input: list[str] = []
        self.reasoning: dict[str, list[str]] = {}
        self.citations: list[object] = []
        self.others: dict[str, object] = {}

    def start(self, start: JsonObject) -> None:
        self.tool.update(as_object(start.get("toolUse")))
        self.others.update({key: value for key, value in start.items() if key != "toolUse"})

    def add(self, delta: JsonObject) -> None:
        for key, value in delta.items():
            if key == "text" and isinstance(value, str):
                self.texts.append(value)
            elif key == "toolUse":
                self.tool_input.append(text_of(as_object(value).get("input")) or "")
            elif key == "reasoningContent":
                for kind, piece in as_object(value).items():
                    if isinstance(piece, str):
                        self.reasoning.setdefault(kind, []).append(piece)
            elif key == "citation":
                self.citations.append(value)
            else:
                self.others[key] = value

    def finished(self) -> dict[str, object]:
        if self.tool or self.tool_input:
            written = "".join(self.tool_input)
            found = parse_json(written or "{}")
            # a cut leaves JSON that nobody can parse; the text is what is known
            return {"toolUse": {**self.tool, "input": written if found is None else found}}
        if self.reasoning:
            return {"reasoningContent": self._thought()}
        text = "".join(self.texts)
        if self.citations:
            cited = {"content": [{"text": text}], "citations": self.citations}
            return {"citationsContent": cited}
        return {"text": text} if self.texts else dict(self.others)

    def _thought(self) -> dict[str, object]:
        joined = {kind: "".join(texts) for kind, texts in self.reasoning.items()}
        redacted = joined.pop("redactedContent", None)
        return (
            {"redactedContent": redacted} if redacted and not joined else {"reasoningText": joined}
        )


def merge_events(events: list[SseEvent]) -> Merged:
    """Put the events of a stream together into one answer."""
    named: list[tuple[str, JsonObject]] = []
    bad = 0
    for name, payload in events:
        found = parse_json(payload)
        if is_object(found):
            named.append((name, found))
        else:
            bad += 1
    merged = merge_named(named)
    if bad:
        merged.problem = f"{bad} of {len(events)} events could not be read"
    return merged


def merge_named(events: list[tuple[str, JsonObject]]) -> Merged:
    """Do the same to parsed events."""
    body: dict[str, object] = {}
    blocks: dict[int, _Block] = {}
    role: str | None = None
    is_complete = False
    usage_events = 0
    for name, event in events:
        if name in {"contentBlockStart", "contentBlockDelta"}:
            block = blocks.setdefault(int_of(event.get("contentBlockIndex")) or 0, _Block())
            if name == "contentBlockStart":
                block.start(as_object(event.get("start")))
            else:
                block.add(as_object(event.get("delta")))
        elif name == "messageStart":
            role = text_of(event.get("role"))
        elif name.startswith(EXCEPTION):
            message = text_of(event.get("message")) or text_of(event.get("Message"))
            body["error"] = {"type": name.removeprefix(EXCEPTION), "message": message}
        elif name in {"messageStop", "metadata"}:
            is_complete = is_complete or name == "metadata"
            usage_events += "usage" in event
            merge_objects(body, {key: value for key, value in event.items() if key != "p"})
    if blocks or role is not None:
        content = [blocks[index].finished() for index in sorted(blocks)]
        body["output"] = {"message": {"role": role or "assistant", "content": content}}
    return Merged(body=body, is_complete=is_complete, usage_events=usage_events)


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Take an answer apart into the frames of a stream; Bedrock always states usage."""
    del include_usage
    frames: list[bytes] = []
    message = as_object(as_object(body.get("output")).get("message"))
    if message:
        frames.append(_frame("messageStart", role=message.get("role")))
        for index, block in enumerate(as_objects(message.get("content"))):
            frames.extend(_block_frames(block, index))
    if error := as_object(body.get("error")):
        name = text_of(error.get("type")) or "internalServerException"
        told = json.dumps({"message": error.get("message")}).encode()
        return [*frames, encode_message(name, told, is_exception=True)]
    stop = {
        key: body[key] for key in ("stopReason", "additionalModelResponseFields") if key in body
    }
    if stop:
        frames.append(_frame("messageStop", **stop))
    rest = {key: value for key, value in body.items() if key not in {"output", "error", *stop}}
    if "usage" in rest:
        frames.append(_frame("metadata", **rest))
    return frames


def _frame(name: str, /, **fields: object) -> bytes:
    payload = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return encode_message(name, payload.encode("utf-8", "replace"))


def _block_frames(block: JsonObject, index: int) -> list[bytes]:
    frames: list[bytes] = []
    if call := as_object(block.get("toolUse")):
        start = {key: value for key, value in call.items() if key != "input"}
        frames.append(
            _frame("contentBlockStart", start={"toolUse": start}, contentBlockIndex=index)
        )
    frames.extend(
        _frame("contentBlockDelta", delta=delta, contentBlockIndex=index)
        for delta in _deltas(block)
    )
    return [*frames, _frame("contentBlockStop", contentBlockIndex=index)]


def _deltas(block: JsonObject) -> list[dict[str, object]]:
    """Return the pieces that fill a block; kinds that come whole are one piece."""
    if call := as_object(block.get("toolUse")):
        given = call.get("input")
        text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        return [{"toolUse": {"input": piece}} for piece in pieces(text)] if given else []
    if thought := as_object(block.get("reasoningContent")):
        told = as_object(thought.get("reasoningText")) or thought
        return [
            {"reasoningContent": {kind: piece}}
            for kind, text in told.items()
            for piece in (pieces(text) if kind == "text" and isinstance(text, str) else [text])
        ]
    if cited := as_object(block.get("citationsContent")):
        texts = "".join(
            text_of(each.get("text")) or "" for each in as_objects(cited.get("content"))
        )
        citations = as_list(cited.get("citations"))
        return [
            *({"text": piece} for piece in pieces(texts)),
            *({"citation": c} for c in citations),
        ]
    text = block.get("text")
    if not isinstance(text, str):
        return [dict(block)]
    return [{"text": piece} for piece in pieces(text) or [""]]
