"""Reading counts out of JSON that nobody vouches for.

``Counts`` takes numbers out of a mapping and remembers, in words, each one it could not believe.
It knows no provider; the readers beside it do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.records import TokenUsage, UsageSource

MAX_TOKENS: Final = 1_000_000_000
"""No single invocation reads or writes a billion tokens: beyond it a count is garbage. It also
keeps what a call can cost inside the store's DECIMAL(18,12)."""

_MAX_DIGITS: Final = 20
_MAX_WRITTEN: Final = 40
_MAX_NOTES: Final = 8


def as_mapping(value: object) -> Mapping[str, object]:
    """Return ``value`` if it is a JSON object, else an empty one."""
    if isinstance(value, dict):
        return cast("Mapping[str, object]", value)
    return {}


def as_list(value: object) -> list[object]:
    """Return ``value`` if it is a JSON array, else an empty one."""
    return cast("list[object]", value) if isinstance(value, list) else []


@dataclass(slots=True)
class Counts:
    """Counts taken from one ``usage`` object, and what was wrong with them."""

    notes: list[str] = field(default_factory=list[str])
    is_incomplete: bool = False
    """A count was there but unreadable, so the sums are too low."""

    def note(self, text: str) -> None:
        """Remember one thing that does not add up; the first few are kept, each once."""
        if text not in self.notes and len(self.notes) < _MAX_NOTES:
            self.notes.append(text)

    def take(self, raw: Mapping[str, object], *names: str) -> int | None:
        """Return the first of ``names`` that is there and not null, None if none is usable."""
        for name in names:
            value = raw.get(name)
            if value is not None:
                return self.number(name, value)
        return None

    def number(self, name: str, value: object) -> int | None:
        """Return a JSON value as a count, None (and a note) if it is none to believe."""
        number = _whole(value)
        if number is None:
            self._refuse(name, "is not a whole number")
        elif number < 0:
            self._refuse(name, "is negative")
        elif number > MAX_TOKENS:
            self._refuse(name, f"is more than {MAX_TOKENS:,}")
        else:
            if isinstance(value, str):
                self.note(f"{name} is a string")
            return number
        return None

    def decimal(self, name: str, value: object) -> Decimal | None:
        """Return a JSON value as an amount that need not be whole (seconds, units)."""
        number = as_decimal(value)
        if number is None:
            self._refuse(name, "is not a number")
        elif number < 0:
            self._refuse(name, "is negative")
        elif number > MAX_TOKENS:
            self._refuse(name, f"is more than {MAX_TOKENS:,}")
        else:
            return number
        return None

    def _refuse(self, name: str, why: str) -> None:
        self.note(f"{name} {why}")
        self.is_incomplete = True

    def within(self, name: str, part: int, whole: int) -> int:
        """Return ``part``, cut to ``whole`` and noted if a provider says a part exceeds it."""
        if part <= whole:
            return part
        self.note(f"{name} ({part}) is more than there can be ({whole})")
        return whole

    def finish(self, usage: TokenUsage, source: UsageSource) -> TokenUsage:
        """Return ``usage`` with the notes as its anomaly and its source set."""
        if self.is_incomplete and source == "provider":
            source = "partial"
        return replace(usage, source=source, anomaly="; ".join(self.notes) or None)


def as_decimal(value: object) -> Decimal | None:
    """Return a JSON number as the decimal that was written; ``repr`` of a float is just that."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    if isinstance(value, int) and abs(value) > MAX_TOKENS**2:
        return None
    text = repr(value) if isinstance(value, float) else str(value)
    if len(text) > _MAX_WRITTEN:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _whole(value: object) -> int | None:
    """Return a JSON value as an integer; 12.0 and "12" are twelve, true is not one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    if isinstance(value, str):
        text = value.strip()
        if 0 < len(text) <= _MAX_DIGITS and text.isascii() and text.removeprefix("-").isdigit():
            return int(text)
    return None
