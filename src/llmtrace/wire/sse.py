"""Server-sent events: bytes to (event, data) pairs, as the WHATWG HTML standard reads them.

Two departures, both because knowing more beats knowing less here: an event that the end of the
stream left without its blank line is given too (providers end on ``data: [DONE]`` without one),
and bytes that are no UTF-8 stay in the data for the JSON parser to judge.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from llmtrace.wire.reading import (
    as_object,
    is_object,
)

if TYPE_CHECKING:
    from llmtrace.wire.reading import JsonObject

SseEvent = tuple[str, bytes]

_BOM: Final = b"\xef\xbb\xbf"
DONE: Final = b"[DONE]"
"""Data of the last event of OpenAI's chat streams; the one that is no JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonEvents:
    """The events of a stream whose data are JSON objects."""

    objects: list[JsonObject]
    is_done: bool
    """``[DONE]`` was seen."""
    problem: str | None = None
    """Which data were no JSON object; a last event that was cut in two is no problem."""


@dataclass(slots=True, kw_only=True)
class Merged:
    """What an API's module makes of a stream: a body, and what the body does not say."""

    body: dict[str, object]
    is_complete: bool
    usage_events: int
    problem: str | None = None


def parse_sse(data: bytes) -> list[SseEvent]:
    """Return (event name, data) of every event that has data, in order; the name may be empty.

    Lines end in LF, CRLF or CR, mixed at will. Comments, ids and retry times are left out.
    """
    data = data.removeprefix(_BOM)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events: list[SseEvent] = []
    for block in data.split(b"\n\n"):
        # the shape that nearly every event of a chat has, without taking lines apart
        if block.startswith(b"data: ") and b"\n" not in block:
            events.append(("", block[6:]))
            continue
        found = _event(block)
        if found is not None:
            events.append(found)
    return events


def _event(block: bytes) -> SseEvent | None:
    name = b""
    lines: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            lines.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    if not lines:
        return None
    return name.decode("utf-8", "replace"), b"\n".join(lines)


def json_events(events: list[SseEvent]) -> JsonEvents:
    """Parse the data of ``events``; what is no JSON object is left out and noted."""
    payloads = [data for _, data in events if data]
    is_done = False
    if payloads and payloads[-1].strip() == DONE:
        is_done = True
        payloads.pop()
    try:
        # one call for all of them: a third of the time of one call each
        parsed = cast("list[object]", json.loads(b"[" + b",".join(payloads) + b"]"))
    except (ValueError, RecursionError):
        parsed = []
    objects = [as_object(item) for item in parsed if is_object(item)]
    if len(objects) == len(parsed) == len(payloads):
        return JsonEvents(objects=objects, is_done=is_done)
    return _one_by_one(payloads, is_done=is_done)


def _one_by_one(payloads: list[bytes], *, is_done: bool) -> JsonEvents:
    """Find out which of ``payloads`` is no JSON object."""
    objects: list[JsonObject] = []
    bad: list[int] = []
    for number, payload in enumerate(payloads, start=1):
        if payload.strip() == DONE:
            is_done = True
            continue
        try:
            value: object = json.loads(payload)
        except (ValueError, RecursionError):
            if number < len(payloads) or is_done:
                bad.append(number)
            continue
        if is_object(value):
            objects.append(value)
        else:
            bad.append(number)
    problem = f"event {bad[0]} of {len(payloads)} is no JSON object" if bad else None
    if len(bad) > 1:
        problem = f"{problem}, nor are {len(bad) - 1} others"
    return JsonEvents(objects=objects, is_done=is_done, problem=problem)


def encode_event(payload: object, name: str | None = None) -> bytes:
    """Return one server-sent event with ``payload`` as JSON, and its ``name`` if it has one."""
    data = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return head + b"data: " + data + b"\n\n"


def pieces(text: str, size: int = 24) -> list[str]:
    """Cut ``text`` into pieces of ``size`` characters, as a model's deltas are; [] if empty."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def looks_like_sse(data: bytes) -> bool:
    """Say whether ``data`` begins as a stream of server-sent events does."""
    return data.lstrip()[:6].startswith((b"data:", b"event:", b"id:", b":", b"retry:"))
