"""Who reads the open file: many at once, and now and then nobody, while the file is exchanged."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llmtrace.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Generator


class Readers:
    """Counts readers; ``nobody`` waits for those inside and lets no new ones in."""

    def __init__(self) -> None:
        """Start with nobody inside and the door open."""
        self._turn = threading.Condition()
        self._inside = 0
        self._is_shut = False

    @contextmanager
    def reading(self) -> Generator[None]:
        """Be inside; waits while the door is shut."""
        with self._turn:
            self._turn.wait_for(lambda: not self._is_shut)
            self._inside += 1
        try:
            yield
        finally:
            with self._turn:
                self._inside -= 1
                self._turn.notify_all()

    @contextmanager
    def nobody(self, *, timeout_s: float) -> Generator[None]:
        """Keep everybody out. Raises StoreError if somebody is inside for longer than that."""
        with self._turn:
            self._is_shut = True
            is_empty = self._turn.wait_for(lambda: self._inside == 0, timeout_s)
        try:
            if not is_empty:
                raise StoreError(
                    f"a query did not end within {timeout_s:g} s; nothing was changed, try again "
                    "when nobody runs long queries"
                )
            yield
        finally:
            with self._turn:
                self._is_shut = False
                self._turn.notify_all()
