"""Remembers which of our own queries need more memory than there is beside storing spans.

To find that out takes seconds, and while one tries, there is no memory for what is being stored.
The same question about a shorter time may well have room: pages ask it of a day and of a month.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from llmtrace.store.parameters import as_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_KEPT_S: Final = 600.0
"""Then it is tried again: others may have taken the memory."""
_TEXTS: Final = 200
_MUCH_SHORTER: Final = 2
"""Times, at least."""


class _Large(NamedTuple):
    at_s: float
    reach: timedelta


class LargeQueries:
    """Of one store, for all who ask it. Safe from any thread."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Know of none; ``clock``: seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._found: dict[str, _Large] = {}
        """Text, without its values → when it was found, and of how long a time it asked."""

    def note(self, query: str, parameters: Sequence[object]) -> None:
        """Know that a query with these values needed more."""
        with self._lock:
            if len(self._found) >= _TEXTS:
                self._found.clear()
            self._found[query] = _Large(self._clock(), _reach(parameters))

    def has(self, query: str, parameters: Sequence[object]) -> bool:
        """Say whether a query needed more lately, asked of a time not much longer than this."""
        with self._lock:
            found = self._found.get(query)
        if found is None or self._clock() - found.at_s >= _KEPT_S:
            return False
        return _reach(parameters) * _MUCH_SHORTER > found.reach or not found.reach


def _reach(parameters: Sequence[object]) -> timedelta:
    """Return the time between the first and the last moment that a query names."""
    stored = [as_stored(value) for value in parameters]
    moments = [value for value in stored if isinstance(value, datetime)]
    return max(moments) - min(moments) if moments else timedelta()
