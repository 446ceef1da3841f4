"""The audit: one row for every operation that changed what is stored, and its totals by reason.

Who asked is what the command told: whoever has the collector's token could tell another name.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from llmtrace.store.maintenance.workplace import read_text, stored_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.store.maintenance.workplace import Workplace
    from llmtrace.store.writer import Transaction

ACTOR: Final = "actor"
"""Argument that names who asked."""
_LONGEST: Final = 200


def record(
    place: Workplace,
    operation: str,
    arguments: Mapping[str, object],
    outcome: Mapping[str, object],
    *,
    subject: str | None = None,
) -> None:
    """Write the row. ``arguments`` must not hold what was to be forgotten; ``subject`` its hash."""
    actor = (read_text(arguments, ACTOR) or "unknown")[:_LONGEST]
    told = {name: value for name, value in arguments.items() if name != ACTOR}
    row = [
        stored_time(place.clock.now()),
        actor,
        operation,
        subject,
        json.dumps(told, ensure_ascii=False, default=str),
        json.dumps(outcome, ensure_ascii=False, default=str),
    ]
    place.writer.transaction(
        lambda transaction: transaction.execute("insert into audit values (?, ?, ?, ?, ?, ?)", row)
    )


def count(transaction: Transaction, counts: Mapping[str, int]) -> None:
    """Add to the totals that ``llmtrace doctor`` and ``/status`` show; zeros are left out."""
    for name, number in counts.items():
        if number:
            transaction.execute(
                "insert into _counts values (?, ?) "
                "on conflict (name) do update set total = total + excluded.total",
                [name, number],
            )
