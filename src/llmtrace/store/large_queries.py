"""Remembers which of our own queries need more memory than there is beside storing spans.

To find that out takes seconds, and while one tries, there is no memory for what is being stored.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT_S: Final = 3_600.0
"""Then it is tried again: fewer calls may be asked for, or there may be more memory."""
_TEXTS: Final = 200


class LargeQueries:
    """Of one store, for all who ask it. Safe from any thread."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Know of none; ``clock``: seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._found: dict[str, float] = {}
        """Text, without its values → when it was found."""

    def note(self, query: str) -> None:
        """Know that a query, whatever its values, needed more."""
        with self._lock:
            if len(self._found) >= _TEXTS:
                self._found.clear()
            self._found[query] = self._clock()

    def __contains__(self, query: str) -> bool:
        """Say whether a query needed more lately."""
        with self._lock:
            found = self._found.get(query)
            return found is not None and self._clock() - found < _KEPT_S
