"""ILIKE is another function here than DuckDB's own, which is slower: it says the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as hs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmtrace.store import Writer

# Letters whose cases differ in length, or that have no single other case, and what LIKE knows.
TEXTS = hs.none() | hs.text(alphabet="aAbBéÉßẞİıIiǅǆσςΣﬁ%_\\ \n\U0001f600", max_size=8)  # noqa: RUF001  # just those
HOW = ("v ilike p", "v not ilike p", "p ilike v", "v ilike '%aB%'", "v ilike 'a_%'",
       "v ilike '%a!%%' escape '!'")  # fmt: skip


@pytest.fixture(scope="module")
def plain() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.mark.parametrize("how", HOW)
@given(pairs=hs.lists(hs.tuples(TEXTS, TEXTS), min_size=1, max_size=20))
def test_it_says_what_duckdb_says(
    empty_store: Writer, plain: duckdb.DuckDBPyConnection, how: str, pairs: list[tuple[str, str]]
) -> None:
    values, patterns = ([pair[side] for pair in pairs] for side in (0, 1))
    query = (
        f"select {how} as fits from (select unnest(?::varchar[]) as v, unnest(?::varchar[]) as p)"  # noqa: S608  # of ours
    )

    ours = empty_store.sql(query, [values, patterns]).column("fits").to_pylist()
    theirs = [row[0] for row in plain.execute(query, [values, patterns]).fetchall()]

    assert ours == theirs


def test_a_constant_is_looked_for_at_once(empty_store: Writer) -> None:
    (plan,) = empty_store.sql("explain select name ILIKE '%Refund%' from spans").to_pylist()

    assert "~~*" not in plan["explain_value"]
    assert "contains(" in plan["explain_value"]
