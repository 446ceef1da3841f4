"""A query that needs more memory than there is is not tried again for some minutes."""

from __future__ import annotations

from datetime import timedelta

from llmtrace.store.large_queries import LargeQueries
from tests.store.calls import NOON

DAY = timedelta(days=1)
QUERY = "select count(*) from spans where start_time >= ? and start_time < ? and model = ?"


def test_a_query_that_needed_more_memory_is_known_for_ten_minutes() -> None:
    now = [0.0]
    large = LargeQueries(clock=lambda: now[0])

    large.note("select ?", ["a"])

    assert large.has("select ?", ["b"])
    assert not large.has("select 2", [])
    now[0] = 600
    assert not large.has("select ?", ["a"])


def test_a_much_shorter_time_is_tried_all_the_same() -> None:
    large = LargeQueries()

    large.note(QUERY, [NOON - 30 * DAY, NOON, "a"])

    assert large.has(QUERY, [NOON - 29 * DAY, NOON + DAY, "b"])
    assert large.has(QUERY, [(NOON - 90 * DAY).replace(tzinfo=None), NOON, "a"])
    assert not large.has(QUERY, [NOON - 7 * DAY, NOON, "a"])


def test_not_more_are_remembered_than_there_is_room_for() -> None:
    large = LargeQueries()
    for number in range(201):
        large.note(f"select {number}", [])

    assert large.has("select 200", [])
    assert not large.has("select 0", [])
