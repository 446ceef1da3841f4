"""Compaction: DuckDB keeps the blocks of deleted rows; a file written anew is as small as it gets.

Spans are not stored meanwhile (they are acknowledged and wait in the log); readers go on. Needs
free space for the new file. A kill at any moment leaves the old file or the new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.store.maintenance import audit
from llmtrace.store.maintenance.rewriting import rewrite
from llmtrace.store.reading import DATABASE_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.store.maintenance.workplace import Outcome, Workplace


def compact(place: Workplace, arguments: Mapping[str, object]) -> Outcome:
    """Write the store anew and return its size before and after, in bytes and bytes a span."""
    place.refresh()
    path = place.home / DATABASE_FILE
    before = path.stat().st_size
    place.fold()
    rows = place.writer.replace_file(rewrite)
    after = path.stat().st_size
    spans = rows["spans"]
    outcome: Outcome = {
        "before_bytes": before,
        "after_bytes": after,
        "spans": spans,
        "bytes_per_span": round(after / spans, 1) if spans else None,
    }
    audit.record(place, "compact", arguments, outcome)
    return outcome
