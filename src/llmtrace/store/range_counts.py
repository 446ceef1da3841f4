"""Remembers for some seconds how many calls a range has, by which a plan is chosen.

A page asks thirty questions of a few ranges, and counting is a fifth of what answering takes. The
plans give the same answer, whatever is remembered, as long as no spans are deleted: nothing is
during upkeep, and nothing from before it.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from llmtrace.store.metric_plan import count

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from llmtrace.store.metric_plan import Counted
    from llmtrace.store.reading import Store

_KEPT_S: Final = 10.0
_RANGES: Final = 500


class RangeCounts:
    """Of one store, for all who ask it. Safe from any thread."""

    def __init__(
        self,
        upkeeps: Callable[[], int | None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``upkeeps``: how many there were, None while there is one; ``clock``: seconds."""
        self._upkeeps = upkeeps
        self._clock = clock
        self._lock = threading.Lock()
        self._found: dict[tuple[datetime, datetime], tuple[float, int, Counted]] = {}

    def of(self, store: Store, hours: tuple[datetime, datetime]) -> Counted:
        """Return what ``count`` says of whole hours now, or said lately."""
        upkeeps = self._upkeeps()
        if upkeeps is None:
            return count(store, hours)
        moment = self._clock()
        with self._lock:
            kept = self._found.get(hours)
        if kept is not None and moment - kept[0] < _KEPT_S and kept[1] == upkeeps:
            return kept[2]
        found = count(store, hours)
        with self._lock:
            if len(self._found) >= _RANGES:
                self._found.clear()
            self._found[hours] = (moment, upkeeps, found)
        return found
