"""The first wall, held against ways around it; the walls behind it are in test_adhoc."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from llmtrace.errors import QueryError
from llmtrace.store.gate import MAX_QUERY_CHARACTERS, check

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.mark.parametrize(
    "query",
    [
        "/* */ explain /* */ select * from duckdb_settings()",
        "/* */ explain analyze /* */ select * from read_csv('/etc/passwd')",
        "explain (analyze, format json) select * from duckdb_settings()",
        "summarize select * from duckdb_settings()",
        "describe select current_setting('home_directory') as a",
        "(unpivot (select path from duckdb_databases()) on path)",
        "select list_transform(['home_directory'], x -> current_setting(x))",
        "select system.main.getenv('HOME')",
        "select (select (select max(name) from duckdb_settings()))",
        "with a as materialized (from duckdb_settings()) from a",
        "select 1 where exists (from glob('*'))",
        "select 'it''s', getenv('HOME')",
        "select * from enable_logging()",
        "select * from truncate_duckdb_logs()",
        "select * from duckdb_memory()",
        "select * from duckdb_a_function_of_the_next_version()",
        "select pg_sleep(1000)",
        "select inet_server_addr()",
        "select 1\x00; drop table spans",
        "select 1 /* ; */ ; -- ;\n drop table spans",
        "execute p",
        "select 1 as " + "x" * MAX_QUERY_CHARACTERS,
    ],
)
def test_a_way_around_the_gate_is_closed(cursor: duckdb.DuckDBPyConnection, query: str) -> None:
    with pytest.raises(QueryError):
        check(cursor, query)


@pytest.mark.parametrize(
    "query",
    [
        "select " + "not " * 5_000 + "true",
        "select " + "case when 1 then " * 400 + "1" + " end" * 400,
        "select * from " + "(select * from " * 400 + "(select 1)" + ")" * 400,
        "with a as (" * 400 + "select 1" + ") select 1" * 400,
        "select " + "f(" * 20_000,
    ],
)
def test_a_query_nested_deeply_is_refused_in_words(
    cursor: duckdb.DuckDBPyConnection, query: str
) -> None:
    with pytest.raises(QueryError):
        check(cursor, query)


def test_quotes_of_a_query_stay_its_own(cursor: duckdb.DuckDBPyConnection) -> None:
    check(cursor, "select 'it''s', '''', $$a 'b'$$, 'getenv(1)', \"a'b\" from t")


@pytest.mark.timeout(20)
def test_blanks_in_any_number_are_passed_at_once(cursor: duckdb.DuckDBPyConnection) -> None:
    check(cursor, "select" + (" " * 400 + "\n") * 100 + "1")
    check(cursor, " " * 40_000 + "explain" + " " * 40_000 + "select 1")


def test_a_text_that_passed_is_not_parsed_again() -> None:
    with duckdb.connect() as once:
        check(once, "select 42 as passed_before")
        for _ in range(2):
            with pytest.raises(QueryError):
                check(once, "select getenv('HOME') as never_passes")

    check(once, "select 42 as passed_before")  # by a cursor that cannot parse any more
    with pytest.raises(QueryError):
        check(once, "select 43 as not_passed_before")
