"""Statements that take rows into the store and come again with every batch: planned once.

To parse and plan such a statement costs as much as to run it on some hundred rows. A kept one reads
from an object that gives other rows each time. Only what reads nothing but these rows is kept: what
DuckDB knows of a stored table when it plans need not be so any more when the plan is used again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from llmtrace.store._connection import DatabaseError

if TYPE_CHECKING:
    import pyarrow as pa

    from llmtrace.store._connection import Connection

_MOST: Final = 100
"""More than there are in this program: should there be more, they are planned anew."""


class _Source:
    """What a kept statement reads from."""

    def __init__(self, rows: pa.Table) -> None:
        self._empty = rows.slice(0, 0)
        self.rows = rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.rows.__arrow_c_stream__(requested_schema)

    def clear(self) -> None:
        self.rows = self._empty


class KeptStatements:
    """The kept statements of one connection; one thread at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept: dict[tuple[str, pa.Schema], tuple[str, _Source]] = {}
        self._count = 0

    def execute(self, sql: str, rows: pa.Table) -> pa.Table:
        """Run a statement, in which ``{incoming}`` stands for ``rows``, and return its rows."""
        key = (sql, rows.schema)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _MOST:
                self.forget()
            found = self._kept[key] = self._prepared(sql, rows)
        name, source = found
        source.rows = rows
        try:
            return self._connection.execute(f"execute {name}").to_arrow_table()
        finally:
            source.clear()

    def forget(self) -> None:
        """Plan all anew: what a transaction that was rolled back has made is gone with it."""
        for name, _ in self._kept.values():
            for statement in (f"deallocate {name}", f"drop view if exists {name}_rows"):
                with suppress(DatabaseError):
                    self._connection.execute(statement)
        self._kept.clear()

    def _prepared(self, sql: str, rows: pa.Table) -> tuple[str, _Source]:
        # Never the same name again: what was forgotten may still be there.
        self._count += 1
        source, name = _Source(rows), f"kept_{self._count}"
        self._connection.register(f"{name}_rows", source)
        self._connection.execute(f"prepare {name} as {sql.format(incoming=f'{name}_rows')}")
        return name, source
