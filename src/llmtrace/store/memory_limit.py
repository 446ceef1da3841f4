"""How much memory DuckDB may take of an open file: upkeep needs twice what all else does.

The limit is what it fills in time, mostly with blocks of the file that the system keeps as well.
Measured with ten million calls: pages, clicks and twenty viewers take as much processor time with
240 MB as with 272, some questions of a month a tenth more with 232. Building the rollups anew fails
with 384. With 192 a checkpoint under full load finds none left, which ends DuckDB's use of the
file: the next opening has all there is.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from llmtrace.store._connection import UPKEEP_MB, DatabaseError, limit_memory

if TYPE_CHECKING:
    from llmtrace.store._connection import Connection

logger = logging.getLogger(__name__)
SERVING_MB: Final = 240
"""Taking spans in and answering."""
RUSH_MB: Final = 224
"""The same while so much comes that a second process helps: it has a hundred of its own."""


class MemoryLimit:
    """Of one file: what it usually may take, and more during upkeep. One caller at a time."""

    def __init__(self) -> None:
        """Know that the file was just opened."""
        self._usual_mb = self._set_to_mb = UPKEEP_MB
        self._upkeeps = self._upkeeps_begun = 0
        self._is_more_needed = False

    @property
    def upkeeps(self) -> int | None:
        """How many were begun so far; None while there is one."""
        return None if self._upkeeps else self._upkeeps_begun

    def is_usually(self, limit_mb: int) -> bool:
        """Say whether ``usually`` would change nothing."""
        return self._usual_mb == limit_mb and self._set_to_mb == self._wanted_mb()

    def usually(self, connection: Connection, limit_mb: int) -> None:
        """Take no more than that outside of upkeep: from now on, or once less is held."""
        self._usual_mb = limit_mb
        self._apply(connection)

    def begin_upkeep(self, connection: Connection) -> None:
        """Let it take what going through a whole store needs."""
        self._upkeeps += 1
        self._upkeeps_begun += 1
        self._apply(connection)

    def end_upkeep(self, connection: Connection) -> None:
        """Have it give that back."""
        self._upkeeps -= 1
        self._apply(connection)

    def reopened(self, connection: Connection) -> None:
        """Know that the file was opened anew."""
        self._set_to_mb = UPKEEP_MB
        self._apply(connection)

    def was_too_little(self, connection: Connection) -> None:
        """Know that a transaction failed for want of memory: the next one shall not."""
        if self._set_to_mb < UPKEEP_MB and not self._is_more_needed:
            logger.warning(
                "%d MB were too little for DuckDB; it may take %d from now on",
                self._set_to_mb,
                UPKEEP_MB,
            )
            self._is_more_needed = True
            self._apply(connection)

    def _wanted_mb(self) -> int:
        return UPKEEP_MB if self._upkeeps or self._is_more_needed else self._usual_mb

    def _apply(self, connection: Connection) -> None:
        wanted = self._wanted_mb()
        if wanted == self._set_to_mb:
            return
        try:
            limit_memory(connection, wanted)
        except DatabaseError:  # a query holds more just now; whoever asks again finds it undone
            return
        self._set_to_mb = wanted
