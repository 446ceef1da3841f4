"""What each turn of a session adds to it: the history that a call sends again is left out. Pure.

Programs send what was said before with every call: all of it, its last messages, or an edited
version. A message is said before if the turn's input begins with it as an earlier turn's input and
answer began, or ended.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmtrace.store.detail import conversation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llmtrace.records import Message

CONTEXT: Final = 3
"""Earlier turns with which one is compared."""
_SYSTEM: Final = "system"

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One call and what it added."""

    row: Mapping[str, Any]
    """As ``sessions.session_turns`` returns it."""
    instructions: tuple[Mapping[str, object], ...]
    """Parts of the instructions; empty if they are those of the turn before."""
    said: tuple[Message, ...]
    """What no earlier turn sent or answered."""
    answer: tuple[Message, ...]
    repeated: int
    """Messages that were sent again and are left out."""
    is_captured: bool
    """Some content is stored."""


@dataclass(frozen=True, slots=True)
class _Earlier:
    sent: list[Key]
    whole: list[Key]


def transcript(rows: Iterable[Mapping[str, Any]]) -> list[Turn]:
    """Return turns of a session, given oldest first, each with what it adds to those before it."""
    turns: list[Turn] = []
    earlier: list[_Earlier] = []
    known: tuple[str, ...] = ()
    for row in rows:
        talk = conversation(row)
        system = [part for each in talk.input if each.role == _SYSTEM for part in each.parts]
        instructions = (*talk.instructions, *system)
        sent = [each for each in talk.input if each.role != _SYSTEM]
        keys = [_key(each) for each in sent]
        begin = max((_known(keys, each) for each in earlier[-CONTEXT:]), default=0)
        written = tuple(_part(part) for part in instructions)
        turns.append(
            Turn(
                row=row,
                instructions=() if written == known else instructions,
                said=tuple(sent[begin:]),
                answer=talk.output,
                repeated=begin,
                is_captured=bool(talk.input or talk.output or talk.instructions),
            )
        )
        if sent or talk.output:
            known = written
            earlier.append(_Earlier(keys, [*keys, *(_key(each) for each in talk.output)]))
    return turns


def _known(keys: Sequence[Key], earlier: _Earlier) -> int:
    """Return how many messages at the beginning an earlier turn has already."""
    return max(
        _alike(keys, earlier.whole),
        _overlap(keys, earlier.whole),
        _overlap(keys, earlier.sent),
    )


def _alike(keys: Sequence[Key], whole: Sequence[Key]) -> int:
    count = 0
    for mine, other in zip(keys, whole, strict=False):
        if mine != other:
            break
        count += 1
    return count


def _overlap(keys: Sequence[Key], whole: Sequence[Key]) -> int:
    """Return how many messages the one ends and the other begins with."""
    for count in range(min(len(keys), len(whole)), 0, -1):
        if keys[0] == whole[-count] and list(keys[:count]) == list(whole[-count:]):
            return count
    return 0


def _key(message: Message) -> Key:
    parts = (_part(part) for part in message.parts if part.get("type") != "reasoning")
    return (message.role, *(part for part in parts if part))


def _part(part: Mapping[str, object]) -> str:
    kind = part.get("type")
    if kind == "text":
        return str(part.get("content", "")).strip()
    # An SDK may send a call's id again or not.
    told = {name: value for name, value in part.items() if name != "id"}
    return json.dumps(told, sort_keys=True, default=str)
