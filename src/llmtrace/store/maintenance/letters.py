"""Drop dead letters for good, with a row in the audit and in the store's counts.

The audit is written first: killed in between, a request that it calls dropped still lies there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from llmtrace.errors import QueryError
from llmtrace.otlp.count import count_spans
from llmtrace.store.dead_letters import content_of, letters, remove
from llmtrace.store.maintenance.audit import count, record
from llmtrace.store.maintenance.workplace import read_flag

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from llmtrace.store.maintenance.workplace import Outcome, Workplace


def drop_letters(place: Workplace, arguments: Mapping[str, object]) -> Outcome:
    """Remove the requests named in ``files``; with ``dry_run`` only say what would go.

    Returns ``deleted``: how many requests, spans and bytes. Raises QueryError, SegmentError.
    """
    chosen = _chosen(place.home, arguments.get("files"))
    contents = [content_of(path) for path in chosen]
    deleted = {
        "dead_letter_requests": len(chosen),
        "dead_letter_spans": sum(map(count_spans, contents)),
        "bytes": sum(map(len, contents)),
    }
    outcome: Outcome = {"deleted": deleted, "files": [path.name for path in chosen]}
    if read_flag(arguments, "dry_run"):
        return outcome
    totals = {f"deleted.{name}": number for name, number in deleted.items() if name != "bytes"}
    place.writer.transaction(lambda transaction: count(transaction, totals))
    record(place, "deadletter-drop", arguments, outcome)
    for path in chosen:
        remove(path)
    return outcome


def _chosen(home: Path, names: object) -> list[Path]:
    if not isinstance(names, list) or not names:
        raise QueryError('"files" is a list with the names of dead letters')
    lying = {path.name: path for path in letters(home)}
    chosen: dict[str, Path] = {}
    for name in cast("list[object]", names):
        if not isinstance(name, str) or name not in lying:
            raise QueryError(f"no request {str(name)[:120]!r} lies aside")
        chosen[name] = lying[name]
    return list(chosen.values())
