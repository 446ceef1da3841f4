"""Reading untrusted JSON: a value of the expected type, or nothing. Never an exception."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Final, TypeGuard, cast

JsonObject = Mapping[str, object]

_EMPTY: Final[dict[str, object]] = {}
_MAX_ERROR_CHARS: Final = 2_000
_MAX_DEPTH: Final = 8
"""Levels at which objects are merged; hostile nesting must not exhaust the stack."""


def is_object(value: object) -> TypeGuard[JsonObject]:
    """Say whether ``value`` is a JSON object."""
    # json.loads makes only str keys, and callers hand over nothing but its results
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[Sequence[object]]:
    """Say whether ``value`` is a JSON array."""
    return isinstance(value, list)


def as_object(value: object) -> JsonObject:
    """Return ``value`` if it is a JSON object, else an empty one."""
    return value if is_object(value) else _EMPTY


def as_list(value: object) -> Sequence[object]:
    """Return ``value`` if it is a JSON array, else an empty one."""
    return value if is_list(value) else ()


def as_objects(value: object) -> list[JsonObject]:
    """Return the objects of a JSON array, leaving out whatever else is in it."""
    return [item for item in as_list(value) if is_object(item)]


def text_of(value: object) -> str | None:
    """Return ``value`` if it is a string that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def int_of(value: object) -> int | None:
    """Return ``value`` as an integer if it is a whole number, else None; True is no number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def float_of(value: object) -> float | None:
    """Return ``value`` as a float if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def bool_of(value: object) -> bool | None:
    """Return ``value`` if it is true or false, else None."""
    return value if isinstance(value, bool) else None


def texts_of(value: object) -> tuple[str, ...] | None:
    """Return a string, or an array of them, as a tuple; None if there is none."""
    if isinstance(value, str):
        return (value,)
    found = tuple(item for item in as_list(value) if isinstance(item, str))
    return found or None


def length_of(value: object) -> int:
    """Return the number of characters if ``value`` is a string, else 0."""
    return len(value) if isinstance(value, str) else 0


def written_chars(value: object) -> int:
    """Return about how many characters of JSON ``value`` takes; a walk, so that no depth hurts."""
    total = 0
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            total += len(item)
        elif is_object(item):
            found = item
            total += sum(len(key) + 6 for key in found)
            waiting.extend(found.values())
        elif is_list(item):
            waiting.extend(item)
        else:
            total += 4
    return total


def parsed_or_text(value: object) -> object:
    """Return the JSON object or array that the string ``value`` holds, else ``value`` itself.

    Arguments of tool calls travel as a string of JSON, which the model may have got wrong.
    """
    if not isinstance(value, str) or value.lstrip()[:1] not in {"{", "["}:
        return value
    found = parse_json(value)
    return value if found is None else found


def parse_json(data: bytes | str) -> object | None:
    """Return what the JSON ``data`` says, None if it is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # bad UTF-8 is a ValueError too
        return None


def error_of(body: JsonObject) -> tuple[str | None, str | None]:
    """Return (code or type, message) of the error in a body; (None, None) if there is none.

    OpenAI's ``code`` says more than its ``type``; Anthropic has only ``type``; gateways put HTTP
    statuses into ``code``, a bare string in place of the object, or leave the object around it out.
    """
    error = body.get("error")
    if isinstance(error, str) and error:
        return "error", error[:_MAX_ERROR_CHARS]
    found = as_object(error)
    if not found and isinstance(body.get("message"), str) and ("code" in body or "type" in body):
        found = body
    if not found:
        return None, None
    kind = text_of(found.get("code")) or text_of(found.get("type"))
    number = int_of(found.get("code"))
    if kind is None:
        kind = "error" if number is None else str(number)
    message = text_of(found.get("message"))
    return kind, None if message is None else message[:_MAX_ERROR_CHARS]


def merge_objects(into: dict[str, object], piece: JsonObject, depth: int = 0) -> None:
    """Lay ``piece`` over ``into``: the last value that is not null wins, field by field."""
    for key, value in piece.items():
        known = into.get(key)
        if not is_object(value):
            if value is not None or key not in into:
                into[key] = value
        elif isinstance(known, dict) and depth < _MAX_DEPTH:
            merge_objects(
                cast("dict[str, object]", known),
                value,
                depth + 1,
            )
        else:
            into[key] = dict(value)
