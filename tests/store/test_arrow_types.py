"""What would arrive as something else is refused, and the error says what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import QueryError

if TYPE_CHECKING:
    from llmtrace.store import Writer


@pytest.mark.parametrize(
    ("value", "kind", "said", "text"),
    [
        (f"{2**128 - 1}", "uhugeint", "is UHUGEINT: .* cast it to hugeint", f"{2**128 - 1}"),
        (f"'1{'0' * 40}1'", "bignum", "is BIGNUM: .* cast it to varchar", f"1{'0' * 40}1"),
        ("'10:00:00+05'", "timetz", "is TIME WITH TIME ZONE: .* to varchar", "10:00:00+05"),
        ("{'a': [1]}", "struct(a uhugeint[])", "is STRUCT.*: UHUGEINT cannot", "{'a': [1]}"),
        ("map {1: 2}", "map(integer, bignum)", "is MAP.*: BIGNUM cannot", "{1=2}"),
        ("'10:00:00+05'::timetz", "union(k timetz)", "is UNION.*: TIME WITH", "10:00:00+05"),
    ],
)
def test_they_are_refused(empty_store: Writer, value: str, kind: str, said: str, text: str) -> None:
    with pytest.raises(QueryError, match=f"column 'v' {said}"):
        empty_store.sql(f"select ({value})::{kind} as v")

    as_said = empty_store.sql(f"select ({value})::{kind}::varchar as v")
    assert as_said.column("v").to_pylist() == [text]


def test_all_else_arrives(empty_store: Writer) -> None:
    kinds = (
        "1::hugeint, 1::ubigint, 'a'::enum('a'), uuid(), interval 1 day, '01'::bit, null, [1], "
        "{'a': 1}, map {1: 2}, array_value(1, 2), union_value(k := 1)"
    )
    assert empty_store.sql(f"select {kinds}").num_columns == 12
