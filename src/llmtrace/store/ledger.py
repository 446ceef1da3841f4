"""Where every span went: what came in equals what was stored, was there already, or was dropped.

Counts of one process, booked only once the transaction that they speak of is committed; totals
over all processes, of what was refused or repaired, are in the store (``Writer.counts``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Spans by what became of them, since the drain was made."""

    from_spool: int = 0
    """Read from segments that apps wrote."""
    from_log: int = 0
    """Read from the log of this collector: acknowledged by one of its receivers."""
    from_earlier_log: int = 0
    """Read from segments that an earlier collector acknowledged and left behind."""
    stored: int = 0
    duplicates: int = 0
    """In the store already, or twice on the way: by the request's bytes or the span's ids."""
    without_ids: int = 0
    """Dropped: no valid trace or span id; their sender was told."""
    dead_letter: int = 0
    """Dropped: put aside with a request that could not be read or stored."""
    dead_letter_requests: int = 0
    damaged_stretches: int = 0
    """Of segments; how many spans they held cannot be known."""

    @property
    def read(self) -> int:
        """Spans taken from segments, whoever wrote them."""
        return self.from_spool + self.from_log + self.from_earlier_log

    @property
    def settled(self) -> int:
        """Spans of which it is known what became of them; equals ``read``."""
        return self.stored + self.duplicates + self.without_ids + self.dead_letter
