"""Lengths of time as people write them, ``7d``, and the ranges they mean. Pure; no clock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from llmtrace.errors import QueryError

if TYPE_CHECKING:
    from datetime import datetime

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AHEAD: Final = timedelta(seconds=1)
"""A range until now ends so much later, to take in the call of this moment."""


def length_of(text: str) -> timedelta:
    """Return how long ``90m``, ``24h``, ``7d`` or ``4w`` is.

    Raises QueryError for what is no length, or longer than time itself.
    """
    number, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or not number.isascii() or not number.isdigit() or int(number) == 0:
        raise QueryError(f"{text!r} is no length of time; write for example 90m, 24h or 7d")
    try:
        return timedelta(**{unit: int(number)})
    except OverflowError as error:
        raise QueryError(f"{text!r} is longer than time itself; write 7d") from error


def until_now(last: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the range of length ``last`` that ends now. Raises QueryError as ``length_of``."""
    try:
        return now - length_of(last), now + _AHEAD
    except OverflowError as error:
        raise QueryError(f"{last!r} is longer than time itself; write 7d") from error
