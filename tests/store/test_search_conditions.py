"""Conditions hold parameters only: nothing that somebody typed is ever text of SQL."""

from __future__ import annotations

from decimal import Decimal

import pytest

from llmtrace.store.search_conditions import (
    barring_condition,
    pattern,
    span_condition,
    trace_condition,
)
from llmtrace.store.search_syntax import NUMBER_KEYS, TEXT, TEXT_KEYS, Search, Term

TYPED = "x' or 1=1 --*"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("gpt-5*", "gpt-5%"), ("100%_\\", "100\\%\\_\\\\"), ("A*b*", "a%b%"), ("*", "%")],
)
def test_a_pattern_has_no_wildcard_but_the_star(typed: str, expected: str) -> None:
    assert pattern(typed) == expected


@pytest.mark.parametrize("is_exact", [True, False])
@pytest.mark.parametrize("key", [*TEXT_KEYS, f"tag.{TYPED}", TEXT])
def test_what_was_typed_is_a_parameter(key: str, is_exact: bool) -> None:
    term = Term(key=key, value=TYPED, is_exact=is_exact)
    barred = Term(key=key, value=TYPED, is_exact=is_exact, is_excluded=True)
    search = Search(terms=(term, barred))
    hits = {TYPED: (("trace", "1"),)}

    conditions = [
        span_condition(search, hits), barring_condition(search, hits), trace_condition(search),
    ]  # fmt: skip

    for condition in conditions:
        if condition is not None:
            assert "1=1" not in condition.sql
            assert condition.sql.count("?") == len(condition.parameters)


@pytest.mark.parametrize("key", NUMBER_KEYS)
def test_a_number_is_compared_with_the_sums_of_a_trace(key: str) -> None:
    term = Term(key=key, operator=">", value=Decimal("12.5"), is_excluded=True)

    condition = trace_condition(Search(terms=(term,)))

    assert condition is not None
    assert condition.parameters in ([Decimal("12.5")], [12.5])
    assert condition.sql.startswith("not coalesce(")
    assert span_condition(Search(terms=(term,)), {}).parameters == []
    assert barring_condition(Search(terms=(term,)), {}) is None
