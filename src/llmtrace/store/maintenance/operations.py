"""The operations by name, as ``POST /v1/admin/<name>`` and the commands call them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from llmtrace.errors import QueryError, StoreError
from llmtrace.store.maintenance.backup import back_up
from llmtrace.store.maintenance.compaction import compact
from llmtrace.store.maintenance.erasure import forget
from llmtrace.store.maintenance.letters import drop_letters
from llmtrace.store.maintenance.noting import note
from llmtrace.store.maintenance.reprice import reprice
from llmtrace.store.maintenance.retention import retain
from llmtrace.store.maintenance.rolling_up import check_rollups

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.store.maintenance.workplace import Operation, Outcome, Workplace

OPERATIONS: Final[Mapping[str, Operation]] = {
    "backup": back_up,
    "compact": compact,
    "deadletter-drop": drop_letters,
    "forget": forget,
    "note": note,
    "reprice": reprice,
    "retention": retain,
    "rollups": check_rollups,
}
_AT_ANY_TIME: Final = frozenset({"note"})
"""One short transaction, which takes turns with the others by itself."""

_turn = threading.Lock()


def perform(place: Workplace, name: str, arguments: Mapping[str, object]) -> Outcome:
    """Run one operation. A second one is refused while one runs, unless it is but a note.

    Raises QueryError (no such operation, wrong arguments) or StoreError.
    """
    operation = OPERATIONS.get(name)
    if operation is None:
        raise QueryError(f"no operation {name[:40]!r}; there are: {', '.join(OPERATIONS)}")
    if name in _AT_ANY_TIME:
        return operation(place, arguments)
    if not _turn.acquire(blocking=False):
        raise StoreError("another maintenance operation is at work; try again when it has ended")
    try:
        with place.writer.upkeep():
            return operation(place, arguments)
    finally:
        _turn.release()
