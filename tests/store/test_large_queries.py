"""A query that needs more memory than there is, is tried once an hour."""

from __future__ import annotations

from llmtrace.store.large_queries import LargeQueries


def test_a_query_that_needed_more_memory_is_known_for_an_hour() -> None:
    now = [0.0]
    large = LargeQueries(clock=lambda: now[0])

    large.note("select 1")

    assert "select 1" in large
    assert "select 2" not in large
    now[0] = 3_600
    assert "select 1" not in large


def test_not_more_are_remembered_than_there_is_room_for() -> None:
    large = LargeQueries()
    for number in range(201):
        large.note(f"select {number}")

    assert "select 200" in large
    assert "select 0" not in large
