"""A store written anew: every row of a snapshot into a fresh file, what belongs to spans by time.

Used for backups and compaction. The new file has this llmtrace's schema and no room for what was
deleted. Memory is bounded: some thousand rows at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.errors import StoreError
from llmtrace.store.exchange import remove_store
from llmtrace.store.maintenance.slices import all_slices
from llmtrace.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from llmtrace.store.writer import Transaction

_ROWS: Final = 50_000
_TABLES: Final = (
    "select table_name as name, "
    "(select count(*) from duckdb_columns() as c where c.table_oid = t.table_oid "
    "and c.column_name = 'start_time') > 0 as is_timed "
    "from duckdb_tables() as t where database_name = current_database() and not internal "
    "order by name"
)


def rewrite(source: Transaction, target: Path) -> dict[str, int]:
    """Write all rows of ``source`` into a new file and return how many of each table.

    A file of that name is replaced. Raises StoreError if the two differ in the end.
    """
    remove_store(target)
    copied: dict[str, int] = {}
    try:
        with Writer(target) as fresh:
            for table in source.execute(_TABLES).to_pylist():
                copied[table["name"]] = _copy(source, fresh, table["name"], table["is_timed"])
            _compare(source, fresh, copied)
    except BaseException:
        remove_store(target)
        raise
    return copied


def _copy(source: Transaction, fresh: Writer, table: str, is_timed: bool) -> int:  # noqa: FBT001  # a column's value
    # What the schema itself puts into a new file, the source has too.
    fresh.transaction(lambda transaction: transaction.execute(f'delete from "{table}"'))  # noqa: S608  # a table of ours
    copied = 0
    for rows in _by_time(source, table) if is_timed else _by_place(source, table):
        fresh.transaction(lambda transaction, rows=rows: transaction.append(table, rows))
        copied += rows.num_rows
    return copied


def _by_time(source: Transaction, table: str) -> Iterator[pa.Table]:
    for each in all_slices(source, table, rows=_ROWS):
        yield source.execute(
            f'select * from "{table}" where start_time >= ? and start_time < ? '  # noqa: S608  # a table of ours
            "order by start_time",
            [each.start, each.end],
        )


def _by_place(source: Transaction, table: str) -> Iterator[pa.Table]:
    (last,) = source.execute(f'select max(rowid) as place from "{table}"').to_pylist()  # noqa: S608  # a table of ours
    for place in range(0, (last["place"] or 0) + 1, _ROWS):
        yield source.execute(
            f'select * from "{table}" where rowid >= ? and rowid < ?',  # noqa: S608  # a table of ours
            [place, place + _ROWS],
        )


def _compare(source: Transaction, fresh: Writer, copied: dict[str, int]) -> None:
    """Hold rows, tokens and money of both against each other."""
    for table in copied:
        query = f'select count(*) as rows from "{table}"'  # noqa: S608  # a table of ours
        _hold_equal(source, fresh, query, table)
    sums = "select sum(cost_usd)::varchar as usd, sum(input_tokens)::varchar as tokens from spans"
    _hold_equal(source, fresh, sums, "spans")


def _hold_equal(source: Transaction, fresh: Writer, query: str, table: str) -> None:
    (before,) = source.execute(query).to_pylist()
    (after,) = fresh.transaction(lambda transaction: transaction.execute(query)).to_pylist()
    if before != after:
        raise StoreError(
            f"the copy of {table} differs from it ({before} and {after}) and was thrown away; "
            "please report this"
        )
