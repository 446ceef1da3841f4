"""Notices when spans that were sent on come round, by way of whatever other collectors.

Each collector sends on, in a header, its own id and those of all whose spans it was sent: who finds
itself in there refuses (508), for it would send them on once more, and so on for ever.
"""

from __future__ import annotations

import re
import secrets
import threading
from typing import Final

HEADER: Final = "llmtrace-via"
_ID: Final = re.compile(r"[0-9a-f]{16}")
_MOST: Final = 32


class Via:
    """The ids of this process and of collectors before it; from any thread."""

    def __init__(self) -> None:
        """Take a new id."""
        self._own = secrets.token_hex(8)
        self._before: list[str] = []
        self._lock = threading.Lock()

    def headers(self) -> dict[str, str]:
        """Return what goes with spans that are sent on."""
        with self._lock:
            return {HEADER: ",".join([self._own, *self._before])}

    def comes_round(self, header: str) -> bool:
        """Say whether a request with this header was sent on by us; remember who else did."""
        found = [word for word in header.split(",")[: _MOST + 1] if _ID.fullmatch(word)]
        if self._own in found:
            return True
        with self._lock:
            fresh = [word for word in found if word not in self._before]
            self._before = [*self._before, *fresh][-_MOST:]
        return False
