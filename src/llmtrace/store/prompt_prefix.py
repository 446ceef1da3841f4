"""Where prompts that ought to begin alike part: what breaks a provider's prompt cache. Pure.

A provider's cache serves the beginning that a prompt has in common with one before it, in the order
tools, instructions, messages. Consecutive prompts of one session, model and name ought to share
everything before the last message of the earlier one; those of one feature outside of sessions the
tools, the instructions and the system messages at the beginning. Where they do not, a time stamp,
an id or a reordered tool stands too far ahead.

Reads what was stored: redacted text is compared as it was redacted, and a call whose body was not
captured, was deleted or cut short takes no part, nor is anything compared across it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from llmtrace.store.detail import conversation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

APART: Final = timedelta(hours=1)
"""No prompt cache is kept longer unless asked for: prompts further apart are not compared."""
SHOWN: Final = 120
"""Characters of each prompt that a break shows, from the first that differs."""
LEAD: Final = 60
"""Characters before it."""
_TEXT_PARTS: Final = frozenset({"text", "tool_call", "tool_call_response"})
_ROLES: Final = ("system", "developer", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One piece of a prompt: a tool, the instructions, a message."""

    place: str
    text: str
    is_text: bool = True
    """It is read as it stands: no tool, which is rendered for the model, no picture, no file."""


_NONE: Final = Segment(place="", text="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What one call sent, in the order in which a cache compares it."""

    group: tuple[str, ...]
    """Calls with the same ought to share their beginning."""
    start_time: datetime
    trace_id: str
    span_id: str
    input_tokens: int | None
    cached_tokens: int | None
    segments: tuple[Segment, ...]
    """Empty if the text is not known."""
    stable: int
    """How many of the segments the next prompt of the group ought to begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first text in which a prompt differs from the one before it."""

    segment: int
    """Number of the segment, from 0."""
    place: str
    shared_characters: int
    """In common, from the beginning of the prompt."""
    expected_characters: int
    """That ought to be in common."""
    lead: str
    """The end of what is in common, within the segment."""
    before: str
    """The earlier prompt from there on; empty if it has no such segment or ends there."""
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One place at which prompts of a group part too early, with the latest pair as example."""

    group: tuple[str, ...]
    difference: Difference
    times: int
    """Pairs of consecutive prompts that part in this segment."""
    earlier: Prompt
    later: Prompt
    uncached_tokens: int | None
    """Input of the later prompts that no cache gave, added up; None if it is known of none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a set of prompts tells."""

    breaks: tuple[Break, ...]
    """Those that leave most input uncached first."""
    compared: int
    """Pairs of consecutive prompts."""
    without_text: int
    """Calls that could not be looked at."""


def prompt_of(row: Mapping[str, Any]) -> Prompt:
    """Read a prompt from a row of ``sql/prompts.sql``."""
    session, feature = row["session_id"], row["feature"]
    scope = ("session", session) if session else ("feature", feature or "")
    segments = () if row["truncated"] else _segments(row)
    return Prompt(
        group=(*scope, row["model"] or "", row["name"]),
        start_time=row["start_time"],
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        input_tokens=row["input_tokens"],
        cached_tokens=row["cache_read_tokens"],
        segments=segments,
        stable=len(segments) - 1 if session else _stable(segments),
    )


def find_breaks(prompts: Iterable[Prompt]) -> Findings:
    """Compare consecutive prompts of each group and return where they part too early."""
    groups: dict[tuple[str, ...], list[Prompt]] = {}
    ordered = sorted(prompts, key=lambda each: (each.start_time, each.span_id))
    for prompt in ordered:
        groups.setdefault(prompt.group, []).append(prompt)
    compared = 0
    found: dict[tuple[tuple[str, ...], str], list[tuple[Difference, Prompt, Prompt]]] = {}
    for group, members in groups.items():
        for earlier, later in pairwise(members):
            if not _comparable(earlier, later):
                continue
            compared += 1
            difference = first_difference(earlier.segments[: earlier.stable], later.segments)
            if difference is not None:
                found.setdefault((group, difference.place), []).append((difference, earlier, later))
    breaks = [_joined(group, pairs) for (group, _), pairs in found.items()]
    return Findings(
        breaks=tuple(sorted(breaks, key=lambda each: (-(each.uncached_tokens or 0), -each.times))),
        compared=compared,
        without_text=sum(not prompt.segments for prompt in ordered),
    )


def first_difference(expected: Sequence[Segment], segments: Sequence[Segment]) -> Difference | None:
    """Return where a prompt leaves what it ought to begin with; None if it does not."""
    size = sum(len(segment.text) for segment in expected)
    shared = 0
    for number, segment in enumerate(expected):
        other = segments[number] if number < len(segments) else _NONE
        same = _common(segment.text, other.text)
        if segment != other:
            return Difference(
                segment=number,
                place=segment.place,
                shared_characters=shared + same,
                expected_characters=size,
                lead=segment.text[max(same - LEAD, 0) : same],
                before=segment.text[same : same + SHOWN],
                after=other.text[same : same + SHOWN],
            )
        shared += same
    return None


def _comparable(earlier: Prompt, later: Prompt) -> bool:
    is_known = bool(earlier.segments and later.segments)
    return is_known and later.start_time - earlier.start_time <= APART


def _joined(group: tuple[str, ...], pairs: Sequence[tuple[Difference, Prompt, Prompt]]) -> Break:
    difference, earlier, later = pairs[-1]
    uncached = [
        max(prompt.input_tokens - (prompt.cached_tokens or 0), 0)
        for _, _, prompt in pairs
        if prompt.input_tokens is not None
    ]
    return Break(
        group=group,
        difference=difference,
        times=len(pairs),
        earlier=earlier,
        later=later,
        uncached_tokens=sum(uncached) if uncached else None,
    )


def _common(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _stable(segments: Sequence[Segment]) -> int:
    """Count what stands before the first message that is not an instruction."""
    for number, segment in enumerate(segments):
        is_message = segment.place.startswith("Message")
        if is_message and not segment.place.endswith((", system", ", developer")):
            return number
    return len(segments)


def _segments(row: Mapping[str, Any]) -> tuple[Segment, ...]:
    talk = conversation(row)
    if not (talk.input or talk.instructions):
        return ()
    tools = [
        Segment(place=f"Tool {number}", text=_text(tool), is_text=False)
        for number, tool in enumerate(talk.tools, 1)
    ]
    instructions = [
        Segment(place="Instructions", text=_text(part), is_text=_is_text(part))
        for part in talk.instructions
    ]
    messages = [
        Segment(
            place=f"Message {number}" + (f", {message.role}" if message.role in _ROLES else ""),
            text="\n".join([message.role, *(_text(part) for part in message.parts)]),
            is_text=all(_is_text(part) for part in message.parts),
        )
        for number, message in enumerate(talk.input, 1)
    ]
    return (*tools, *instructions, *messages)


def _text(part: Mapping[str, object]) -> str:
    """Return a part as a cache sees it: its text, else its JSON in the order it was sent."""
    if part.get("type") == "text" and isinstance(part.get("content"), str):
        return str(part["content"])
    return json.dumps(part, ensure_ascii=False, default=str)


def _is_text(part: Mapping[str, object]) -> bool:
    return part.get("type") in _TEXT_PARTS
