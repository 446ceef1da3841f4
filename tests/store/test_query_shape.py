"""What the audit keeps of a query: names stay, values and comments do not."""

from __future__ import annotations

import pytest

from llmtrace.store.query_shape import shape_of


@pytest.mark.parametrize(
    ("query", "shape"),
    [
        (
            "select  model, sum(cost_usd)\nfrom llm_calls where tenant = 'a''c' -- ann\n limit 10",
            "select model, sum(cost_usd) from llm_calls where tenant = ? limit ?",
        ),
        ("from t where x = $1 and y = $$it's$$", "from t where x = $1 and y = ?"),
        ("select $a$ one $b$ 'two' $a$, 3", "select ?, ?"),
        ("select e'it\\'s secret', x'ff', 'left open", "select ?, ?, ?"),
        ("select t1.a2, .5e-3, 0xff, 1_000.5 /* ann */ + 1", "select t1.a2, ?, ?, ? + ?"),
        ('select "first name" from "o""brien"', 'select "first name" from "o""brien"'),
        ("select 1 /* left open 'ann'", "select ?"),
        ("", ""),
    ],
)
def test_values_and_comments_are_gone_and_names_stay(query: str, shape: str) -> None:
    assert shape_of(query) == shape


def test_a_long_query_takes_no_longer_than_it_is() -> None:
    assert shape_of("'" * 99_999) == "?"
    assert len(shape_of("(" * 100_000)) == 100_000
