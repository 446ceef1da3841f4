"""What sets two texts apart, or two conversations, as the lines of a unified diff. Pure."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llmtrace.records import Message
    from llmtrace.store.detail import Conversation

MAX_CHARACTERS: Final = 200_000
"""Of each text; what is beyond is not compared."""
MAX_LINES: Final = 4_000
"""The same in lines: the time to compare grows faster than they do."""
_WORDS_A_LINE: Final = 12
_CONTEXT: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two texts, compared."""

    is_same: bool
    """As far as they were compared."""
    lines: tuple[str, ...]
    """A unified diff without its head: ``-`` only in the first, ``+`` only in the second."""
    is_whole: bool
    """Nothing was left out because a text is too long."""


def difference(first: str, second: str) -> Difference:
    """Compare two texts by lines; a paragraph on one line is broken into lines of words."""
    (old, old_whole), (new, new_whole) = _lines(first), _lines(second)
    found = list(difflib.unified_diff(old, new, lineterm="", n=_CONTEXT))[2:]
    return Difference(is_same=old == new, lines=tuple(found), is_whole=old_whole and new_whole)


def conversation_text(talk: Conversation) -> str:
    """Return a conversation as text: each message under its role, tool calls written out."""
    parts: list[str] = []
    if talk.instructions:
        parts.extend(_message("instructions", talk.instructions))
    for message in (*talk.input, *talk.output):
        parts.extend(_message(message.role, message.parts))
    return "\n".join(parts)


def message_text(message: Message) -> str:
    """Return the parts of a message as text, its role left out."""
    return "\n".join(_part(part) for part in message.parts)


def _message(role: str, parts: Sequence[Mapping[str, object]]) -> Iterator[str]:
    yield f"[{role}]"
    for part in parts:
        yield _part(part)


def _part(part: Mapping[str, object]) -> str:
    kind = part.get("type")
    if kind in {"text", "refusal"}:
        return str(part.get("content", ""))
    if kind == "reasoning":
        return f"(reasoning) {part.get('content', '')}"
    if kind == "tool_call":
        return f"(tool call) {part.get('name')}({_json(part.get('arguments'))})"
    if kind == "tool_call_response":
        answer = part.get("response", part.get("result"))
        return f"(tool result) {answer if isinstance(answer, str) else _json(answer)}"
    return _json(dict(part))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _lines(text: str) -> tuple[list[str], bool]:
    """Return the lines that are compared, and whether these are all."""
    lines: list[str] = []
    for line in text[:MAX_CHARACTERS].strip().splitlines():
        words = line.split(" ")
        starts = range(0, len(words), _WORDS_A_LINE)
        lines.extend(" ".join(words[start : start + _WORDS_A_LINE]) for start in starts)
    return lines[:MAX_LINES], len(text) <= MAX_CHARACTERS and len(lines) <= MAX_LINES
