"""Events of a response's stream: put together into a response, and taken apart again.

The terminal event holds the whole response; deltas are read only where there is none (a cut),
or where a gateway left its output out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from llmtrace.wire.reading import (
    as_object,
    as_objects,
    int_of,
    is_object,
    parse_json,
    text_of,
)
from llmtrace.wire.sse import Merged, encode_event, json_events, pieces

if TYPE_CHECKING:
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

TERMINAL_STATUSES: Final = frozenset({"completed", "incomplete", "failed", "cancelled"})
"""Statuses after which nothing comes; ``response.<status>`` are the events."""
_ITEM_TEXTS: Final = {
    "function_call_arguments": "arguments",
    "mcp_call_arguments": "arguments",
    "custom_tool_call_input": "input",
    "code_interpreter_call_code": "code",
}
"""Event family to the field of an output item that its deltas fill."""
_PART_TEXTS: Final = {
    "output_text": ("content", "text", "output_text"),
    "refusal": ("content", "refusal", "refusal"),
    "reasoning_text": ("content", "text", "reasoning_text"),
    "reasoning_summary_text": ("summary", "text", "summary_text"),
}
"""Event family to (list of the item, field of the part, type of the part)."""


def merge_events(events: list[SseEvent]) -> Merged:
    """Put the events of a stream together into one response."""
    whole = _terminal_response(events)
    if whole is not None:
        usage_events = int(isinstance(whole.get("usage"), dict))
        return Merged(body=whole, is_complete=True, usage_events=usage_events)
    parsed = json_events(events)
    body: dict[str, object] = {}
    output = _Output()
    is_complete = False
    for event in parsed.objects:
        kind = (text_of(event.get("type")) or "").removeprefix("response.")
        response = event.get("response")
        if is_object(response) and response:
            body |= response
            is_complete = is_complete or kind in TERMINAL_STATUSES
        elif kind == "error" or event.get("error") is not None:
            body["error"] = event.get("error") or {
                key: event.get(key) for key in ("code", "message", "param")
            }
        else:
            output.add(kind, event)
    if output.items and not body.get("output"):
        body["output"] = output.finished()
    return Merged(
        body=body,
        is_complete=is_complete,
        usage_events=int(isinstance(body.get("usage"), dict)),
        problem=parsed.problem,
    )


def _terminal_response(events: list[SseEvent]) -> dict[str, object] | None:
    """Return the response of the terminal event, if its name shows which event that is.

    This leaves the deltas, most of the bytes, unparsed.
    """
    for name, data in reversed(events[-3:]):
        if name.removeprefix("response.") in TERMINAL_STATUSES:
            response = as_object(as_object(parse_json(data)).get("response"))
            return dict(response) if response.get("output") else None
    return None


class _Output:
    """The output items on their way; texts are kept in pieces until the end."""

    __slots__ = ("items", "texts")

    def __init__(self) -> None:
        self.items: dict[int, dict[str, object]] = {}
        self.texts: dict[tuple[int, str, int, str], list[str]] = {}

    def add(self, kind: str, event: JsonObject) -> None:
        index = int_of(event.get("output_index")) or 0
        family, _, what = kind.rpartition(".")
        if family == "output_item":
            # "done" holds what "added" and the deltas said, and more. Deltas that came before
            # "added" (a gateway that reorders) have no part of the new item to go into.
            self.items[index] = dict(as_object(event.get("item")))
            self.texts = {key: value for key, value in self.texts.items() if key[0] != index}
        elif what == "delta" and isinstance(event.get("delta"), str):
            self.add_delta(family, index, event)
        elif family == "output_text.annotation" and what == "added":
            part = self.part(
                index, "content", int_of(event.get("content_index")) or 0, "output_text"
            )
            known = part.setdefault("annotations", [])
            if isinstance(known, list):
                cast("list[object]", known).append(event.get("annotation"))

    def add_delta(self, family: str, index: int, event: JsonObject) -> None:
        if family in _ITEM_TEXTS:
            self.items.setdefault(index, {"type": "unknown"})
            where = (index, "", 0, _ITEM_TEXTS[family])
        elif family in _PART_TEXTS:
            outer, key, part_type = _PART_TEXTS[family]
            at = "summary_index" if outer == "summary" else "content_index"
            number = int_of(event.get(at)) or 0
            self.part(index, outer, number, part_type)
            where = (index, outer, number, key)
        else:
            return
        self.texts.setdefault(where, []).append(str(event["delta"]))

    def part(self, index: int, outer: str, number: int, part_type: str) -> dict[str, object]:
        item = self.items.setdefault(index, {"type": "message", "role": "assistant"})
        known = item.get(outer)
        found = cast("dict[int, dict[str, object]]", known) if isinstance(known, dict) else {}
        item[outer] = found
        return found.setdefault(number, {"type": part_type})

    def finished(self) -> list[dict[str, object]]:
        for (index, outer, number, key), texts in self.texts.items():
            item = self.items[index]
            if outer:
                parts = cast("dict[int, dict[str, object]]", item[outer])
                parts[number][key] = "".join(texts)
            else:
                item[key] = "".join(texts)
        for item in self.items.values():
            for outer in ("content", "summary"):
                known = item.get(outer)
                if isinstance(known, dict):
                    found = cast("dict[int, dict[str, object]]", known)
                    item[outer] = [found[number] for number in sorted(found)]
        return [self.items[index] for index in sorted(self.items)]


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Take a response apart into the events of a stream; responses always state usage."""
    del include_usage
    error = body.get("error")
    if error is not None and "output" not in body:
        return [encode_event({"type": "error", "sequence_number": 0, **as_object(error)}, "error")]
    status = text_of(body.get("status")) or "completed"
    begun: dict[str, object] = {**body, "status": "in_progress", "output": []}
    for key in ("usage", "error", "incomplete_details", "completed_at"):
        if key in body:
            begun[key] = None
    events: list[dict[str, object]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(as_objects(body.get("output"))):
        events.extend(_item_events(item, index))
    if status in TERMINAL_STATUSES:
        events.append({"type": f"response.{status}", "response": body})
    return [
        encode_event({**event, "sequence_number": number}, str(event["type"]))
        for number, event in enumerate(events)
    ]


def _item_events(item: JsonObject, index: int) -> list[dict[str, object]]:
    here: dict[str, object] = {"output_index": index}
    inside: dict[str, object] = {**here, "item_id": item.get("id") or ""}
    begun: dict[str, object] = {**item}
    if "status" in item:
        begun["status"] = "in_progress"
    events: list[dict[str, object]] = []
    for family, key in _item_families(item):
        begun[key] = ""
        text = str(item[key])
        events.extend(_text_events(family, inside, key, text))
    kind = text_of(item.get("type"))
    if kind == "message":
        begun["content"] = []
        for number, part in enumerate(as_objects(item.get("content"))):
            events.extend(_part_events(part, {**inside, "content_index": number}, "content_part"))
    elif kind == "reasoning":
        begun["summary"] = []
        for number, part in enumerate(as_objects(item.get("summary"))):
            place = {**inside, "summary_index": number}
            events.extend(_part_events(part, place, "reasoning_summary_part"))
    return [
        {"type": "response.output_item.added", **here, "item": begun},
        *events,
        {"type": "response.output_item.done", **here, "item": item},
    ]


def _item_families(item: JsonObject) -> list[tuple[str, str]]:
    """Return (event family, field) of the texts that this kind of item streams."""
    prefix = text_of(item.get("type")) or ""
    return [
        (family, key)
        for family, key in _ITEM_TEXTS.items()
        if family == f"{prefix}_{key}" and isinstance(item.get(key), str)
    ]


def _text_events(family: str, place: JsonObject, key: str, text: str) -> list[dict[str, object]]:
    extra: dict[str, object] = {"logprobs": []} if family == "output_text" else {}
    events: list[dict[str, object]] = [
        {"type": f"response.{family}.delta", **place, "delta": piece, **extra}
        for piece in pieces(text)
    ]
    events.append({"type": f"response.{family}.done", **place, key: text, **extra})
    return events


def _part_events(part: JsonObject, place: JsonObject, frame: str) -> list[dict[str, object]]:
    begun: dict[str, object] = {**part}
    events: list[dict[str, object]] = []
    for family, (_, key, part_type) in _PART_TEXTS.items():
        text = part.get(key)
        if part.get("type") != part_type or not isinstance(text, str):
            continue
        begun[key] = ""
        events.extend(_text_events(family, place, key, text))
    if isinstance(part.get("annotations"), list):
        begun["annotations"] = []
        for number, annotation in enumerate(as_objects(part["annotations"])):
            events.append(
                {
                    "type": "response.output_text.annotation.added",
                    **place,
                    "annotation_index": number,
                    "annotation": annotation,
                }
            )
    return [
        {"type": f"response.{frame}.added", **place, "part": begun},
        *events,
        {"type": f"response.{frame}.done", **place, "part": part},
    ]
