"""Where an operation works, and how it reads its arguments, which may have come over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from llmtrace.errors import QueryError
from llmtrace.store import rollups

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.clock import Clock
    from llmtrace.config import Settings
    from llmtrace.store.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """The open store and what is around it."""

    settings: Settings
    writer: Writer
    clock: Clock
    refresh: Callable[[], None]
    """Takes in what apps and clients have handed over by now. Raises StoreError."""

    @property
    def home(self) -> Path:
        """The folder of the store."""
        return self.settings.home

    def fold(self) -> None:
        """Join all that was appended to the rollups, a bounded transaction at a time."""
        while not self.writer.transaction(lambda each: rollups.fold(each, everything=True)):
            pass


Outcome = dict[str, Any]
"""JSON: money is decimal text, times are ISO 8601 in UTC."""

Operation = Callable[[Workplace, Mapping[str, object]], Outcome]
"""Raises QueryError for wrong arguments, StoreError when the store or its disk refuses."""


def read_time(arguments: Mapping[str, object], name: str) -> datetime | None:
    """Return an aware time in UTC, None if it is not given. Raises QueryError."""
    text = read_text(arguments, name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise QueryError(f'"{name}" is no time: {text[:40]!r}; write 2026-11-20T00:00Z') from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def read_text(arguments: Mapping[str, object], name: str) -> str | None:
    """Return a text, None if it is not given. Raises QueryError for anything else, and for ""."""
    value = arguments.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise QueryError(f'"{name}" is a text with something in it, or absent')
    return value


def read_flag(arguments: Mapping[str, object], name: str) -> bool:
    """Return a flag, False if it is not given. Raises QueryError for anything but true or false."""
    value = arguments.get(name, False)
    if not isinstance(value, bool):
        raise QueryError(f'"{name}" is true or false')
    return value


def stored_time(moment: datetime) -> datetime:
    """Return an aware time as the store has it: naive, in UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)
