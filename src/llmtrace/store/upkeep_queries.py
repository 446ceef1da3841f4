"""Named queries for who runs a store: what came when, how late, how much there is, who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from llmtrace.store.named_sql import named_sql
from llmtrace.store.own_sql import ask

if TYPE_CHECKING:
    from datetime import datetime

    from llmtrace.store.reading import Store


def ingest_course(
    store: Store, start: datetime, end: datetime, grain: Literal["minute", "hour"]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what was stored in a range (aware, half open): all of it, and by bucket.

    Columns as ``sql/ingest_course.sql`` says. Raises StoreError.
    """
    rows = ask(store, named_sql("ingest_course"), [grain, start, end], max_rows=None).to_pylist()
    (whole,) = (row for row in rows if row["time"] is None)
    return whole, [row for row in rows if row["time"] is not None]


def stored_totals(store: Store) -> dict[str, Any]:
    """Return how much is stored; columns as ``sql/stored_totals.sql`` says."""
    (row,) = ask(store, named_sql("stored_totals")).to_pylist()
    return row


def latest_audit(
    store: Store, operation: str | None = None, *, limit: int = 20
) -> list[dict[str, Any]]:
    """Return the latest rows of the audit, newest first; of one operation if it is given."""
    return ask(store, named_sql("latest_audit"), [operation, limit]).to_pylist()
