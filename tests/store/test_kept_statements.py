"""Statements that are planned once: other rows each time, and nothing of a transaction undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from llmtrace.store import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmtrace.store.kept_statements import KeptStatements
    from llmtrace.store.writer import Transaction

INTO = "insert into kept_here by name select * from {incoming}"


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with Writer(tmp_path / "x.duckdb") as opened:
        opened.transaction(lambda t: t.execute("create table kept_here (a bigint, b varchar)"))
        yield opened


def stored(writer: Writer) -> list[dict[str, object]]:
    return writer.sql("from kept_here order by a").to_pylist()


def test_the_same_statement_takes_other_rows_each_time(writer: Writer) -> None:
    for number in range(5):
        rows = pa.table({"a": [number, number + 10]})
        writer.transaction(lambda t, rows=rows: t.take_in(INTO, rows))

    assert [row["a"] for row in stored(writer)] == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]
    assert len(writer._kept._kept) == 1


def test_rows_of_another_shape_are_another_statement(writer: Writer) -> None:
    writer.transaction(lambda t: t.append("kept_here", pa.table({"a": [1]})))
    writer.transaction(lambda t: t.append("kept_here", pa.table({"b": ["x"], "a": [2]})))
    writer.transaction(lambda t: t.append("kept_here", pa.table({"a": [3]})))

    assert stored(writer) == [{"a": 1, "b": None}, {"a": 2, "b": "x"}, {"a": 3, "b": None}]


def test_what_was_rolled_back_is_planned_anew(writer: Writer) -> None:
    def fails(transaction: Transaction) -> None:
        transaction.append("kept_here", pa.table({"a": [1]}))
        raise LookupError

    for _ in range(3):
        with pytest.raises(LookupError):
            writer.transaction(fails)
    writer.transaction(lambda t: t.append("kept_here", pa.table({"a": [2]})))

    assert [row["a"] for row in stored(writer)] == [2]
    left = "select name from duckdb_prepared_statements() where name like 'kept%'"
    assert writer._connection.execute(left).fetchall() == [("kept_4",)]


def test_a_table_that_changes_in_between_is_no_obstacle(writer: Writer) -> None:
    writer.transaction(lambda t: t.append("kept_here", pa.table({"a": [1]})))
    writer.transaction(lambda t: t.execute("alter table kept_here add column c bigint default 7"))
    writer.transaction(lambda t: t.execute("create temp table another as select 1 as x"))
    writer.transaction(lambda t: t.append("kept_here", pa.table({"a": [2]})))

    assert stored(writer) == [{"a": 1, "b": None, "c": 7}, {"a": 2, "b": None, "c": 7}]


def test_no_rows_are_held_and_only_so_many_statements(writer: Writer) -> None:
    kept: KeptStatements = writer._kept
    for number in range(250):
        rows = pa.table({f"c{number}": [number]})
        found = writer.transaction(lambda t, rows=rows: t.take_in("select * from {incoming}", rows))
        assert found.to_pylist() == [{f"c{number}": number}]

    assert len(kept._kept) <= 100
    assert sum(source.rows.num_rows for _, source in kept._kept.values()) == 0
