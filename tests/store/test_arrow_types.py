"""What would arrive as something else is refused, and the error says what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import QueryError
from llmtrace.store import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    with Writer(tmp_path_factory.mktemp("types") / "x.duckdb") as opened:
        yield opened


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("340282366920938463463374607431768211455::uhugeint", "is UHUGEINT.*cast it to hugeint"),
        ("12345678901234567890123456789012345678901::bignum", "is BIGNUM.*cast it to varchar"),
        ("'10:00:00+05'::timetz", "is TIME WITH TIME ZONE.*cast it to varchar"),
        ("{'a': [1::uhugeint]}", r"is STRUCT\(a UHUGEINT\[\]\): UHUGEINT"),
        ("map {1: 2::bignum}", "BIGNUM cannot be handed over exactly"),
        ("union_value(k := '10:00:00+05'::timetz)", "cast it to varchar"),
    ],
)
def test_they_are_refused(writer: Writer, expression: str, said: str) -> None:
    with pytest.raises(QueryError, match=f"column 'v' .*{said}|column 'v' {said}"):
        writer.sql(f"select {expression} as v")

    as_said = writer.sql(f"select ({expression})::varchar as v").column("v").to_pylist()
    assert all(isinstance(value, str) for value in as_said)


def test_all_else_arrives(writer: Writer) -> None:
    kinds = (
        "1::hugeint, 1::ubigint, 'a'::enum('a'), uuid(), interval 1 day, '01'::bit, null, [1], "
        "{'a': 1}, map {1: 2}, array_value(1, 2), union_value(k := 1)"
    )
    assert writer.sql(f"select {kinds}").num_columns == 12
