"""The fields of one record of an export, taken one by one; what nobody took becomes attributes.

Names are compared in snake case, so that ``startTime``, ``start_time`` and ``Start Time`` are one.
A cell of a CSV that holds JSON is read. Knows no format.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeGuard, cast

from llmtrace.clock import unix_ns
from llmtrace.usage.counts import as_decimal, as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_NS: Final = 2**63 - 1
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\s\-]+")
_NUMBER: Final = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?")
_SECONDS_UP_TO: Final = 10**11
_MILLISECONDS_UP_TO: Final = 10**14
_MICROSECONDS_UP_TO: Final = 10**17


class UnreadableError(ValueError):
    """A record that cannot become a span: ``reason`` of its kind, the message with its value."""

    def __init__(self, reason: str, detail: str | None = None) -> None:
        """Say why; ``detail`` names the value, for people."""
        super().__init__(detail or reason)
        self.reason = reason


class Fields:
    """A record, of which a reader takes what it knows."""

    def __init__(self, record: Mapping[str, object]) -> None:
        """Copy ``record``; empty fields say nothing and are left out."""
        self._values = {snake(name): value for name, value in record.items() if _says(value)}

    def names(self) -> tuple[str, ...]:
        """Return the names that are left, in snake case."""
        return tuple(self._values)

    def take(self, *names: str) -> object:
        """Remove and return the first that is there; JSON in a text stays text."""
        for name in names:
            if name in self._values:
                return self._values.pop(name)
        return None

    def text(self, *names: str) -> str | None:
        """Remove and return the first that is there, as text; None if there is none."""
        value = self.take(*names)
        return None if value is None else as_text(value)

    def json(self, *names: str) -> object:
        """Remove and return the first that is there; a text that is JSON is read."""
        return read_json(self.take(*names))

    def mapping(self, *names: str) -> dict[str, object]:
        """Remove the first that is there and return it if it is an object, else an empty one.

        What is no object goes back to the rest.
        """
        for name in names:
            if name in self._values:
                value = read_json(self._values[name])
                if isinstance(value, dict):
                    del self._values[name]
                    return dict(as_mapping(cast("object", value)))
        return {}

    def number(self, *names: str) -> Decimal | None:
        """Remove and return the first that is there as a number; what is none stays."""
        for name in names:
            number = as_decimal(self._values.get(name))
            if number is not None:
                del self._values[name]
                return number
        return None

    def time_ns(self, *names: str) -> int | None:
        """Remove and return the first that is there as nanoseconds since 1970; None if none is.

        Raises UnreadableError if it is there and no time that can be stored.
        """
        for name in names:
            if name in self._values:
                return time_ns(self._values.pop(name), name)
        return None

    def put(self, name: str, value: object) -> None:
        """Give back what a reader took and did not use."""
        if _says(value):
            self._values[name] = value

    def rest(self, prefix: str) -> dict[str, object]:
        """Return what nobody took as attributes whose names begin with ``prefix`` and a dot."""
        return {f"{prefix}.{name}": as_value(value) for name, value in self._values.items()}


@lru_cache(maxsize=2048)
def snake(name: str) -> str:
    """Return a field's name in snake case."""
    return _HUMP.sub("_", name.strip()).lower()


def read_json(value: object) -> object:
    """Return what a JSON text says; any other value as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in {"{", "["}:
        return value
    for text in (value, value.replace('""', '"')):  # Helicone's CSV doubles the quotes twice
        try:
            found: object = json.loads(text)
        except (ValueError, RecursionError):
            continue
        return found
    return value


def as_text(value: object) -> str:
    """Return a text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return ""


def as_value(value: object) -> object:
    """Return what an attribute can hold: text, flags and numbers as they are, the rest as JSON."""
    return value if isinstance(value, (str, bool, int, float)) else as_text(value)


def flattened(values: Mapping[str, object], prefix: str) -> dict[str, object]:
    """Return an object's members as attributes; objects within it as JSON."""
    return {f"{prefix}.{name}": as_value(value) for name, value in values.items() if _says(value)}


def time_ns(value: object, name: str) -> int:
    """Return a time as nanoseconds since 1970.

    Numbers are seconds, milli-, micro- or nanoseconds by their size; texts ISO 8601, in UTC unless
    they say otherwise. Raises UnreadableError.
    """
    moment = _number_ns(value) if _is_number(value) else _text_ns(value)
    if moment is None:
        raise UnreadableError(f"{name} is no time", f"{name} {shown(value)} is no time")
    if not 0 < moment <= _MAX_NS:
        raise UnreadableError(
            f"{name} cannot be stored",
            f"{name} {shown(value)} cannot be stored: only times from 1970 to 2262 can",
        )
    return moment


def shown(value: object) -> str:
    """Return a value for an error message, cut short."""
    return repr(as_text(value)[:60])


def _says(value: object) -> bool:
    return value is not None and value not in ("", {}, [])


def _is_number(value: object) -> TypeGuard[str | int | float]:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return _NUMBER.fullmatch(value.strip()) is not None
    return isinstance(value, (int, float))


def _number_ns(value: str | float) -> int | None:
    number = Decimal(value.strip() if isinstance(value, str) else str(value))
    if not number.is_finite():
        return None
    size = abs(number)
    if size < _SECONDS_UP_TO:
        return int(number * 10**9)
    if size < _MILLISECONDS_UP_TO:
        return int(number * 10**6)
    return int(number * 10**3) if size < _MICROSECONDS_UP_TO else int(number)


def _text_ns(value: object) -> int | None:
    text = value.strip().removesuffix(" UTC") if isinstance(value, str) else ""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    try:
        return unix_ns(aware.astimezone(UTC))
    except OverflowError:
        return None
