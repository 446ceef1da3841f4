"""Migrations: in order, once, all or nothing; a newer store is left alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llmtrace.errors import StoreVersionError
from llmtrace.store import Writer
from llmtrace.store._connection import DatabaseError, open_database
from llmtrace.store.migrate import Migration, migrate, migrations, schema_version

SAMPLES = Path(__file__).parent.parent / "sample_stores"

ONE = Migration(
    number=1, name="0001_a.sql", sql="create table a (x int); insert into a values (1);"
)
TWO = Migration(number=2, name="0002_b.sql", sql="alter table a add column y int default 5;")
BROKEN = Migration(
    number=2, name="0002_b.sql", sql="insert into a values (2); select * from nowhere;"
)


def test_the_migrations_are_numbered_from_one_without_gaps() -> None:
    known = migrations()

    assert [step.number for step in known] == list(range(1, len(known) + 1))


def test_an_empty_file_gets_every_step(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "s.duckdb")

    assert schema_version(connection) == 0
    assert migrate(connection, [ONE, TWO]) == 2
    assert schema_version(connection) == 2
    assert connection.execute("from a").fetchall() == [(1, 5)]


def test_a_step_that_was_applied_is_not_applied_again(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "s.duckdb")
    migrate(connection, [ONE])

    migrate(connection, [ONE])
    migrate(connection, [ONE, TWO])

    assert connection.execute("from a").fetchall() == [(1, 5)]


def test_a_step_that_fails_leaves_the_schema_before_it(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "s.duckdb")

    with pytest.raises(DatabaseError):
        migrate(connection, [ONE, BROKEN])

    assert schema_version(connection) == 1
    assert connection.execute("from a").fetchall() == [(1,)]


def test_a_store_of_a_newer_schema_is_refused_naming_both_and_left_unchanged(
    tmp_path: Path,
) -> None:
    path = tmp_path / "llmtrace.duckdb"
    with Writer(path) as writer:
        newest = writer.schema
        writer.transaction(
            lambda t: t.execute("update _meta set value = '999' where key = 'schema_version'")
        )
    before = path.read_bytes()

    with pytest.raises(StoreVersionError, match=f"schema 999, this llmtrace knows up to {newest}"):
        Writer(path)

    assert path.read_bytes() == before


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.duckdb")), ids=lambda path: path.name)
def test_a_store_of_every_schema_so_far_opens_with_its_calls(sample: Path, tmp_path: Path) -> None:
    path = tmp_path / "llmtrace.duckdb"
    shutil.copy(sample, path)

    with Writer(path) as writer:
        calls = writer.sql(
            "select model, input_tokens, cost_usd::varchar as cost, request_body "
            "from llm_calls_full order by span_id"
        )
        newest = writer.schema

    assert calls.to_pylist() == [
        {
            "model": "gpt-5",
            "input_tokens": 1200,
            "cost": "0.001500000000",
            "request_body": '{"model":"gpt-5"}',
        },
        {"model": "claude-x", "input_tokens": None, "cost": None, "request_body": None},
    ]
    assert newest == len(migrations())


def test_there_is_a_sample_of_the_first_schema() -> None:
    assert (SAMPLES / "v0001.duckdb").is_file()
