"""``llmtrace.connect().metrics``: pandas from the metric layer, equal to plain SQL."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.clock import FixedClock
from llmtrace.errors import QueryError
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.connect import Connection
from tests.store.calls import NOON, call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = timedelta(days=1)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.insert(
            [
                call(NOON, cost_usd=Decimal("0.000000000001"), user_id="ann", tags={"team": "a"}),
                call(NOON - DAY, cost_usd=Decimal("0.02"), user_id="bob"),
                call(NOON - DAY, request_model="gpt-5-mini", cost_usd=Decimal("0.5")),
                call(NOON - 29 * DAY, request_model="in-house", cost_usd=None),
                call(NOON - 31 * DAY, cost_usd=Decimal(7)),
            ]
        )
        yield Connection(writer, FixedClock(NOON))


def test_cost_by_model_is_what_plain_sql_says_the_dearest_first(db: Connection) -> None:
    found = db.metrics("cost", by="model", last="30d")

    expected = db.sql(
        "select model, sum(cost_usd) as cost, "
        "count(*) filter (where is_unpriced) as unpriced_count "
        "from llm_calls where start_time >= ? and start_time <= ? "
        "group by model order by cost desc nulls last",
        [NOON - 30 * DAY, NOON],
    ).rows()
    assert list(found.columns) == ["model", "cost", "unpriced_count"]
    assert found.to_dict("records") == expected
    assert list(found["cost"]) == [Decimal("0.5"), Decimal("0.020000000001"), None]


def test_a_grain_gives_a_row_for_each_day_in_order(db: Connection) -> None:
    found = db.metrics("requests", last="2d", grain="day")

    assert [str(time.date()) for time in found["time"]] == ["2026-11-17", "2026-11-18"]
    assert list(found["requests"]) == [2, 1]


@pytest.mark.parametrize(
    ("chosen", "requests"), [("ann", 1), (["ann", "bob"], 2), (None, 1), ([], 3)]
)
def test_filters_take_a_value_several_or_none(db: Connection, chosen: Any, requests: int) -> None:
    found = db.metrics("requests", filters={"user": chosen})

    assert list(found["requests"]) == [requests]


def test_several_dimensions_and_a_range_of_ones_own(db: Connection) -> None:
    found = db.metrics("requests", by=("model", "tag.team"), start=NOON, end=NOON + DAY)

    assert found.to_dict("records") == [{"model": "gpt-5", "tag.team": "a", "requests": 1}]


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"by": "modle"}, "did you mean 'model'"),
        ({"last": "a week"}, "write for example 90m"),
        ({"last": "7d", "start": NOON}, "give one"),
        ({"end": NOON}, "end needs start"),
    ],
)
def test_a_wrong_question_is_refused_with_what_to_do(
    db: Connection, question: dict[str, Any], message: str
) -> None:
    with pytest.raises(QueryError, match=message):
        db.metrics("cost", **question)


def test_a_measure_is_needed(db: Connection) -> None:
    with pytest.raises(QueryError, match="no measure asked for"):
        db.metrics()
