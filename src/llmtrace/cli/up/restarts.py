"""When a child that ended is started again, and when that is given up. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

WRONG_USAGE: Final = 2
"""Exit code of a command that was called or configured wrongly: it would end so again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """How often a child ended early in a row, and what follows from it."""

    delays_s: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
    """Waits before the next start, one for each early end in a row; after the last: give up."""
    healthy_s: float = 60.0
    """A child that lived so long begins anew."""
    failures: int = 0

    def after(self, *, lived_s: float, code: int) -> tuple[Restarts, float | None]:
        """Return what to keep, and the seconds until the next start; None: do not start again."""
        failures = 1 if lived_s >= self.healthy_s else self.failures + 1
        kept = replace(self, failures=failures)
        if code == WRONG_USAGE or failures > len(self.delays_s):
            return kept, None
        return kept, self.delays_s[failures - 1]
