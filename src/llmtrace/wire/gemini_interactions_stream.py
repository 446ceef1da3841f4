"""Events of an interaction's stream: put together into one answer, and taken apart again.

The last event holds the answer without its steps; those come by pieces before it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    int_of,
    is_object,
    merge_objects,
    parsed_or_text,
    text_of,
)
from llmtrace.wire.sse import Merged, encode_event, json_events, pieces

if TYPE_CHECKING:
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_MEDIA: Final = frozenset({"image", "audio", "video", "document"})


def merge_events(events: list[SseEvent]) -> Merged:
    """Put the events of a stream together into one interaction."""
    parsed = json_events(events)
    body: dict[str, object] = {}
    steps: dict[int, _Step] = {}
    usage_events = 0
    is_complete = False
    for event in parsed.objects:
        kind = text_of(event.get("event_type")) or ""
        if kind.startswith("step."):
            index = int_of(event.get("index")) or 0
            if kind == "step.start":
                steps[index] = _Step(as_object(event.get("step")))
            elif kind == "step.delta":
                steps.setdefault(index, _Step({})).add(as_object(event.get("delta")))
            told: object = event.get("usage")
        elif kind == "interaction.status_update":
            merge_objects(body, {"status": event.get("status")})
            told = None
        elif kind == "error":
            body["error"] = event.get("error")
            told = None
        else:
            found = as_object(event.get("interaction"))
            merge_objects(body, found)
            told = found.get("usage")
            is_complete = is_complete or kind == "interaction.completed"
        if is_object(told) and told:
            usage_events += 1
            merge_objects(body, {"usage": told})
    if steps and not as_list(body.get("steps")):
        body["steps"] = [steps[index].finished() for index in sorted(steps)]
    return Merged(
        body=body,
        is_complete=is_complete,
        usage_events=usage_events,
        problem=parsed.problem,
    )


class _Step:
    """One step on its way; texts are kept in pieces until the end."""

    __slots__ = ("arguments", "step", "texts")

    def __init__(self, start: JsonObject) -> None:
        self.step: dict[str, object] = dict(start)
        self.arguments: list[str] = []
        self.texts: list[str] = []
        """Of the last block of content, if that is text and more may follow."""

    def add(self, delta: JsonObject) -> None:
        kind = text_of(delta.get("type")) or ""
        rest = {key: value for key, value in delta.items() if key != "type"}
        if kind == "text":
            self._add_text(delta)
        elif kind in _MEDIA:
            self._close_text()
            self._list("content").append(dict(delta))
        elif kind == "text_annotation_delta":
            self._annotate(delta)
        elif kind == "thought_summary":
            self._list("summary").append(delta.get("content"))
        elif kind == "arguments_delta":
            self.arguments.append(text_of(delta.get("arguments")) or "")
        else:  # a signature, or all of what a tool of Google's was asked or answered
            merge_objects(self.step, rest)

    def _list(self, name: str) -> list[object]:
        known = self.step.get(name)
        if not isinstance(known, list):
            known = self.step[name] = list[object]()
        return cast("list[object]", known)

    def _add_text(self, delta: JsonObject) -> None:
        if not self.texts:
            self._list("content").append({**delta, "text": ""})
        self.texts.append(text_of(delta.get("text")) or "")

    def _annotate(self, delta: JsonObject) -> None:
        content = self._list("content")
        last = content[-1] if content else None
        if not isinstance(last, dict):
            content.append(dict(delta))
            return
        block = cast("dict[str, object]", last)
        known = as_list(block.get("annotations"))
        block["annotations"] = [*known, *as_list(delta.get("annotations"))]

    def _close_text(self) -> None:
        if self.texts:
            cast("dict[str, object]", self._list("content")[-1])["text"] = "".join(self.texts)
            self.texts = []

    def finished(self) -> dict[str, object]:
        self._close_text()
        if self.arguments:
            self.step["arguments"] = parsed_or_text("".join(self.arguments))
        return self.step


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Take an interaction apart into the events of a stream; Google always states usage."""
    del include_usage
    name = body.get("id")
    if body.get("error") is not None and name is None:
        return [_event("error", error=body["error"])]
    bare = {key: value for key, value in body.items() if key not in {"steps", "error"}}
    start = {key: bare[key] for key in ("id", "object", "model", "agent") if key in bare}
    events = [_event("interaction.created", interaction={**start, "status": "in_progress"})]
    for index, step in enumerate(as_objects(body.get("steps"))):
        opening, deltas = _taken_apart(step)
        events.append(_event("step.start", index=index, step=opening))
        events.extend(_event("step.delta", index=index, delta=delta) for delta in deltas)
        events.append(_event("step.stop", index=index))
    if body.get("error") is not None:
        events.append(_event("error", error=body["error"]))
    else:
        events.append(_event("interaction.completed", interaction=bare))
    return [*events, b"event: done\ndata: [DONE]\n\n"]


def _event(kind: str, /, **fields: object) -> bytes:
    return encode_event({**fields, "event_type": kind}, kind)


def _taken_apart(step: JsonObject) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Return how a step starts, and the deltas that fill it; most kinds come whole."""
    kind = step.get("type")
    if kind == "thought":
        deltas: list[dict[str, object]] = [
            {"type": "thought_summary", "content": block} for block in as_list(step.get("summary"))
        ]
        if signature := text_of(step.get("signature")):
            deltas.append({"type": "thought_signature", "signature": signature})
        return _without(step, "summary", "signature"), deltas
    if kind == "model_output":
        blocks = as_objects(step.get("content"))
        if len(blocks) == len(as_list(step.get("content"))):
            return _without(step, "content"), [one for block in blocks for one in _block(block)]
    if kind == "function_call" and is_object(step.get("arguments")):
        text = json.dumps(step["arguments"], ensure_ascii=False)
        return (
            {**step, "arguments": {}},
            [{"type": "arguments_delta", "arguments": piece} for piece in pieces(text)],
        )
    return dict(step), []


def _without(step: JsonObject, *names: str) -> dict[str, object]:
    return {key: value for key, value in step.items() if key not in names}


def _block(block: JsonObject) -> list[dict[str, object]]:
    """Return the deltas of one block of content."""
    text = block.get("text")
    if block.get("type") != "text" or not isinstance(text, str):
        return [dict(block)]
    found: list[dict[str, object]] = [
        {"type": "text", "text": piece} for piece in pieces(text) or [""]
    ]
    if annotations := as_list(block.get("annotations")):
        found.append({"type": "text_annotation_delta", "annotations": annotations})
    return found
