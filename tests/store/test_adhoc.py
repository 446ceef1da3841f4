"""The gate: one SELECT on the store's own tables, bounded; everything else is refused in words."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import QueryError
from llmtrace.store import TRUNCATED_KEY, Writer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "query",
    [
        "select 1",
        "  -- a comment\n/* and another */ select 1",
        "(select 1)",
        "select 1;",
        "with a as (select 1 as x) select * from a",
        "from llm_calls",
        "values (1), (2)",
        "show tables",
        "describe llm_calls",
        "summarize llm_calls",
        "explain select * from traces",
        "explain analyze select 1",
        "select map_extract(tags, 'team') from llm_calls",
        "select day, sum(cost_usd) from daily_cost group by all",
        "select * from unnest([1, 2, 3])",
        "select * from range(5)",
        "table sessions",
        "unpivot (select 1 as a, 2 as b) on a, b",
        "select 'read_csv(''/etc/passwd'')'",
    ],
)
def test_reading_is_allowed(empty_store: Writer, query: str) -> None:
    empty_store.sql(query)


REFUSED = [
    "",
    ";",
    "-- nothing",
    "select 1; select 2",
    "select 1; drop table spans",
    "insert into spans select * from spans",
    "delete from spans",
    "update spans set name = 'x'",
    "drop table spans",
    "create table t as select 1",
    "create temp table t as select 1",
    "create macro m() as 1",
    "alter table spans add column x int",
    "truncate spans",
    "copy spans to 'out.csv'",
    "copy (select 1) to '/tmp/out.csv'",
    "export database 'out'",
    "import database 'out'",
    "attach ':memory:' as other",
    "detach llmtrace",
    "use memory",
    "install httpfs",
    "load httpfs",
    "set memory_limit = '100GB'",
    "reset memory_limit",
    "pragma database_list",
    "pragma enable_external_access",
    "call pragma_version()",
    "call force_checkpoint()",
    "checkpoint",
    "vacuum",
    "begin",
    "commit",
    "explain analyze create table t as select 1",
    "explain analyze insert into _meta values ('a', 'b')",
    "with x as (select 1) insert into _meta select 'a', 'b'",
    "prepare p as select 1",
    "select * from read_csv('/etc/passwd')",
    "select * from READ_CSV('/etc/passwd')",
    "select * from \"read_csv\"('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/passwd')",
    "select * from read_json('/etc/passwd')",
    "select * from read_parquet('x.parquet')",
    "select * from parquet_scan('x.parquet')",
    "select * from glob('/etc/*')",
    "select * from sniff_csv('/etc/passwd')",
    "from '/etc/passwd'",
    "from 'data.csv'",
    "select * from duckdb_databases()",
    "from duckdb_databases",
    "select * from duckdb_settings()",
    "select * from duckdb_secrets()",
    "select * from pragma_database_list",
    "select (select max(path) from duckdb_databases())",
    "select * from query('select * from duckdb_databases()')",
    "select * from query_table('spans')",
    "select current_setting('home_directory')",
    "select getenv('HOME')",
    "select getvariable('x')",
    "select write_log('x')",
    "explain select * from read_csv('/etc/passwd')",
]


@pytest.mark.parametrize("query", REFUSED)
def test_everything_else_is_refused(empty_store: Writer, query: str) -> None:
    with pytest.raises(QueryError):
        empty_store.sql(query)


def test_a_refused_query_changed_nothing(empty_store: Writer, tmp_path: Path) -> None:
    before = empty_store.sql("show tables").to_pylist()

    for query in REFUSED:
        with pytest.raises(QueryError):
            empty_store.sql(query)

    assert empty_store.sql("show tables").to_pylist() == before
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_says_what_to_write(empty_store: Writer) -> None:
    with pytest.raises(QueryError, match="this is COPY; write a SELECT"):
        empty_store.sql("copy spans to 'x'")
    with pytest.raises(QueryError, match="2 statements were given; write exactly one SELECT"):
        empty_store.sql("select 1; select 2")


def test_a_wrong_query_gets_duckdbs_hint(empty_store: Writer) -> None:
    with pytest.raises(QueryError, match=r"(?s)llm_callz does not exist.*llm_calls"):
        empty_store.sql("select * from llm_callz")


def test_no_path_of_this_machine_is_in_a_message(empty_store: Writer) -> None:
    with pytest.raises(QueryError) as caught:
        empty_store.sql("select '/home/someone/private/store.duckdb'::integer")

    assert "someone" not in str(caught.value)


def test_parameters_are_values_never_sql(empty_store: Writer) -> None:
    found = empty_store.sql("select ? as text, ? as number", ["x'; drop table spans; --", 3])

    assert found.to_pylist() == [{"text": "x'; drop table spans; --", "number": 3}]


def test_a_time_with_a_zone_is_compared_as_utc(empty_store: Writer) -> None:
    found = empty_store.sql("select ? as t", [datetime(2026, 1, 1, 12, tzinfo=UTC)])

    assert found.to_pylist() == [{"t": datetime(2026, 1, 1, 12)}]  # noqa: DTZ001  # the store's times are naive UTC


def test_rows_over_the_limit_are_left_off_and_that_is_said(empty_store: Writer) -> None:
    found = empty_store.sql("select * from range(100)", max_rows=10)

    assert found.num_rows == 10
    assert (found.schema.metadata or {})[TRUNCATED_KEY] == b"true"


@pytest.mark.parametrize("max_rows", [100, 101, None])
def test_rows_within_the_limit_are_all_there(empty_store: Writer, max_rows: int | None) -> None:
    found = empty_store.sql("select * from range(100)", max_rows=max_rows)

    assert found.num_rows == 100
    assert TRUNCATED_KEY not in (found.schema.metadata or {})


def test_a_limit_of_no_rows_still_tells_the_columns(empty_store: Writer) -> None:
    found = empty_store.sql("select 1 as a", max_rows=0)

    assert (found.num_rows, found.column_names) == (0, ["a"])


def test_a_query_that_takes_too_long_is_stopped(empty_store: Writer) -> None:
    started = time.monotonic()

    with pytest.raises(QueryError, match=r"longer than 0\.2 s and was stopped"):
        empty_store.sql("select count(*) from range(10000000) a, range(10000000) b", timeout_s=0.2)

    assert time.monotonic() - started < 10


def test_the_next_query_runs_after_one_was_stopped(empty_store: Writer) -> None:
    with pytest.raises(QueryError):
        empty_store.sql("select count(*) from range(10000000) a, range(10000000) b", timeout_s=0.1)

    assert empty_store.sql("select 1 as a").to_pylist() == [{"a": 1}]
