"""Lengths of time: what people write, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from llmtrace.errors import QueryError
from llmtrace.store.time_range import length_of, until_now
from tests.store.calls import NOON


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90m", timedelta(minutes=90)),
        ("24h", timedelta(days=1)),
        ("7d", timedelta(days=7)),
        ("4w", timedelta(weeks=4)),
    ],
)
def test_a_length_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert length_of(text) == length


@pytest.mark.parametrize(
    "text", ["", "7", "d", "0d", "-7d", "7 d", "\u0667d", "7y", "9" * 30 + "d"]
)
def test_what_is_no_length_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(QueryError, match="7d"):
        length_of(text)


def test_a_range_before_the_calendar_is_refused() -> None:
    with pytest.raises(QueryError, match="longer than time itself"):
        until_now("900000d", NOON)


def test_a_range_until_now_takes_in_the_call_of_this_moment() -> None:
    start, end = until_now("1h", NOON)

    assert start == NOON - timedelta(hours=1)
    assert end > NOON
