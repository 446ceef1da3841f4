"""Chunks of streamGenerateContent: put together into one answer, and taken apart again.

Each chunk is an answer of its own. Usage is cumulative, the last word of each field wins;
candidates are told apart by their index, and their parts follow one another. Without ``alt=sse``
a stream is one JSON array, which is read too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from llmtrace.wire.gemini_contents import field, finish_of
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    int_of,
    is_object,
    merge_objects,
    text_of,
)
from llmtrace.wire.sse import (
    Merged,
    encode_event,
    json_events,
    looks_like_sse,
    parse_sse,
    pieces,
)

if TYPE_CHECKING:
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_DECODER: Final = json.JSONDecoder()
_BETWEEN: Final = " \t\r\n,["
_APART: Final = frozenset({"candidates", "usageMetadata", "usage_metadata"})


def looks_streamed(data: bytes) -> bool:
    """Say whether ``data`` begins as server-sent events do, or as an array of answers."""
    return looks_like_sse(data) or data.lstrip()[:1] == b"["


def parse_events(data: bytes) -> list[SseEvent]:
    """Return the chunks of a stream in either framing; one that was cut in two is left out."""
    if data.lstrip()[:1] != b"[":
        return parse_sse(data)
    text = data.decode("utf-8", "replace")
    events: list[SseEvent] = []
    at = 0
    while True:
        while at < len(text) and text[at] in _BETWEEN:
            at += 1
        try:
            _, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return events
        events.append(("", text[at:end].encode()))
        at = end


def merge_events(events: list[SseEvent]) -> Merged:
    """Put the chunks of a stream together into one answer."""
    parsed = json_events(events)
    body: dict[str, object] = {}
    usage: dict[str, object] = {}
    candidates: dict[int, _Candidate] = {}
    usage_events = 0
    for event in parsed.objects:
        told = as_object(field(event, "usageMetadata"))
        usage_events += bool(told)
        merge_objects(usage, told)
        for at, candidate in enumerate(as_objects(event.get("candidates"))):
            index = int_of(candidate.get("index"))
            candidates.setdefault(at if index is None else index, _Candidate()).add(candidate)
        merge_objects(body, {key: event[key] for key in event if key not in _APART})
    if candidates:
        body["candidates"] = [candidates[index].finished() for index in sorted(candidates)]
    if usage:
        body["usageMetadata"] = usage
    has_ended = bool(candidates) and all(each.has_ended for each in candidates.values())
    blocked = text_of(field(as_object(field(body, "promptFeedback")), "blockReason"))
    return Merged(
        body=body,
        is_complete=has_ended or blocked is not None,
        usage_events=usage_events,
        problem=parsed.problem,
    )


class _Candidate:
    """One answer on its way; its parts are put together as they come."""

    __slots__ = ("parts", "rest", "texts")

    def __init__(self) -> None:
        self.rest: dict[str, object] = {}
        self.parts: list[dict[str, object]] = []
        self.texts: list[str] = []
        """Of the last part, if it is of text and more may follow."""

    @property
    def has_ended(self) -> bool:
        return finish_of(self.rest) is not None

    def add(self, candidate: JsonObject) -> None:
        content = as_object(candidate.get("content"))
        for part in as_objects(content.get("parts")):
            self._add_part(part)
        rest = {key: value for key, value in candidate.items() if key != "content"}
        if content:
            rest["content"] = {key: value for key, value in content.items() if key != "parts"}
        merge_objects(self.rest, rest)

    def _add_part(self, part: JsonObject) -> None:
        last = self.parts[-1] if self.parts else None
        text = part.get("text")
        if last is not None and isinstance(text, str) and self.texts and _goes_on(last, part):
            self.texts.append(text)
            last |= {key: value for key, value in part.items() if key != "text"}
            return
        call = as_object(field(part, "functionCall"))
        if last is not None and _add_arguments(last, call):
            return
        self._close_text()
        self.parts.append(dict(part))
        self.texts = [text] if isinstance(text, str) else []

    def _close_text(self) -> None:
        if self.texts:
            self.parts[-1]["text"] = "".join(self.texts)
            self.texts = []

    def finished(self) -> dict[str, object]:
        self._close_text()
        content = dict(as_object(self.rest.get("content")))
        if self.parts:
            content = {"parts": self.parts, **content}
        if not content and "content" not in self.rest:
            return dict(self.rest)
        return {**self.rest, "content": content}


def _goes_on(last: JsonObject, part: JsonObject) -> bool:
    """Say whether a text belongs to the one before: thoughts to thoughts, and none after a seal."""
    return (last.get("thought") is True) == (part.get("thought") is True) and field(
        last, "thoughtSignature"
    ) is None


def _add_arguments(last: dict[str, object], call: JsonObject) -> bool:
    """Add a further piece of a call's arguments to it; False if ``call`` is no such piece."""
    begun = as_object(field(last, "functionCall"))
    if not call or not field(begun, "willContinue") or call.get("name"):
        return False
    known, more = as_list(field(begun, "partialArgs")), as_list(field(call, "partialArgs"))
    last["functionCall"] = {**begun, **call, "partialArgs": [*known, *more]}
    if not field(call, "willContinue"):
        cast("dict[str, object]", last["functionCall"]).pop("willContinue", None)
    return True


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Take an answer apart into the chunks of a stream; Google always states usage."""
    del include_usage
    if body.get("error") is not None:
        return [encode_event(dict(body))]
    head = {key: body[key] for key in ("modelVersion", "responseId", "createTime") if key in body}
    chunks: list[dict[str, object]] = []
    last: list[dict[str, object]] = []
    for at, candidate in enumerate(as_objects(body.get("candidates"))):
        index = candidate.get("index")
        place: dict[str, object] = {"index": at} if at and index is None else {}
        content = as_object(candidate.get("content"))
        rest = {key: value for key, value in content.items() if key != "parts"}
        for part in as_objects(content.get("parts")):
            for piece in _taken_apart(part):
                one = {**place, "content": {**rest, "parts": [piece]}}
                if index is not None:
                    one["index"] = index
                chunks.append({**head, "candidates": [one]})
        end: dict[str, object] = {**place, **candidate}
        if "content" in end:
            end["content"] = rest
        last.append(end)
    final = {**body, "candidates": last} if "candidates" in body else dict(body)
    return [encode_event(chunk) for chunk in [*chunks, final]]


def _taken_apart(part: JsonObject) -> list[dict[str, object]]:
    """Return the pieces in which one part comes; its signature comes with the last."""
    text = part.get("text")
    if not isinstance(text, str) or len(text) == 0 or not is_object(part):
        return [dict(part)]
    found: list[dict[str, object]] = [
        {"text": piece, **({"thought": True} if part.get("thought") is True else {})}
        for piece in pieces(text)
    ]
    found[-1] = {**part, "text": found[-1]["text"]}
    return found
