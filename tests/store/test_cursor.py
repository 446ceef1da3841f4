"""A transaction's face: rows go in and come out, with kept statements or without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from llmtrace.store._connection import open_database
from llmtrace.store.cursor import Cursor, in_transaction
from llmtrace.store.kept_statements import KeptStatements

if TYPE_CHECKING:
    from pathlib import Path


def test_rows_are_taken_in_alike_by_a_kept_statement_and_by_one_that_is_not(tmp_path: Path) -> None:
    with open_database(tmp_path / "x.duckdb") as connection:
        kept = KeptStatements(connection)
        in_transaction(connection, kept, lambda t: t.execute("create table t (a bigint)"))
        in_transaction(connection, kept, lambda t: t.append("t", pa.table({"a": [1]})))
        Cursor(connection).append("t", pa.table({"a": [2]}))
        Cursor(connection).append("t", pa.table({"a": pa.array([], pa.int64())}))

        found = Cursor(connection).execute(
            "from t where a in (select a from incoming) order by a",
            incoming=pa.table({"a": [1, 2, 3]}),
        )

    assert found.to_pylist() == [{"a": 1}, {"a": 2}]
