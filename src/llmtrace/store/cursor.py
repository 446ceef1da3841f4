"""What a transaction's function is handed: a connection's face, with rows in and rows out as Arrow.

The shape that others know is ``writer.Transaction``.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from llmtrace.store._connection import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from llmtrace.store._connection import Connection
    from llmtrace.store.kept_statements import KeptStatements

_T = TypeVar("_T")


class Cursor:
    """A transaction's face of a connection."""

    def __init__(self, connection: Connection, kept: KeptStatements | None = None) -> None:
        """``kept``: the connection's; None: it has none, for it only reads."""
        self._connection = connection
        self._kept = kept

    def execute(
        self,
        sql: str,
        parameters: Sequence[object] = (),
        *,
        incoming: pa.Table | None = None,
    ) -> pa.Table:
        """Run one statement, which may read ``incoming``, and return its rows (maybe none)."""
        if incoming is not None:
            self._connection.register("incoming", incoming)
        try:
            return self._connection.execute(sql, list(parameters)).to_arrow_table()
        finally:
            if incoming is not None:
                self._connection.unregister("incoming")

    def take_in(self, sql: str, rows: pa.Table) -> pa.Table:
        """Run a statement that comes often and reads ``rows``, its ``{incoming}``, alone."""
        if self._kept is None:
            return self.execute(sql.format(incoming="incoming"), incoming=rows)
        return self._kept.execute(sql, rows)

    def append(self, table: str, rows: pa.Table) -> None:
        """Add rows to a table of the store, matched by column name."""
        if rows.num_rows:
            statement = f'insert into "{table}" by name select * from {{incoming}}'  # noqa: S608  # names of our own tables, from our own code
            self.take_in(statement, rows)


def in_transaction(
    connection: Connection, kept: KeptStatements, work: Callable[[Cursor], _T]
) -> _T:
    """Run ``work`` in a transaction; what it raises rolls everything back."""
    connection.execute("begin transaction")
    try:
        result = work(Cursor(connection, kept))
        connection.execute("commit")
    except BaseException:
        # A failed commit has ended the transaction already: the first error is the one to tell.
        with suppress(DatabaseError):
            connection.execute("rollback")
        kept.forget()
        raise
    return result
