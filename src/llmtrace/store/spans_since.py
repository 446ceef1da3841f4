"""From when on the spans are whole: what began earlier, retention may have deleted."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

SPANS_SINCE: Final = "spans_since"
"""Key in ``_meta``: spans that began before this time (naive UTC) may have been deleted."""


class _Transaction(Protocol):
    def execute(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table: ...


def spans_since(transaction: _Transaction) -> datetime | None:
    """Return the time (naive UTC) before which spans may have been deleted; None: all are there."""
    found = transaction.execute("select value from _meta where key = ?", [SPANS_SINCE])
    values = found.column("value").to_pylist()
    return datetime.fromisoformat(values[0]) if values else None


def note_spans_since(transaction: _Transaction, before: datetime) -> None:
    """Remember that those which began before a time (naive UTC) may be gone."""
    transaction.execute("delete from _meta where key = ?", [SPANS_SINCE])
    transaction.execute("insert into _meta values (?, ?)", [SPANS_SINCE, before.isoformat()])
