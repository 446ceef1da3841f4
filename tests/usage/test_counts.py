"""Reading counts that nobody vouches for."""

from __future__ import annotations

from typing import Any

import pytest

from llmtrace.records import TokenUsage
from llmtrace.usage.counts import MAX_TOKENS, Counts, as_list, as_mapping


@pytest.mark.parametrize(
    ("value", "count", "note"),
    [
        (12, 12, None),
        (0, 0, None),
        (12.0, 12, None),
        ("12", 12, "n is a string"),
        (MAX_TOKENS, MAX_TOKENS, None),
        (MAX_TOKENS + 1, None, "n is more than 1,000,000,000"),
        (10**40, None, "n is more than 1,000,000,000"),
        (-1, None, "n is negative"),
        ("-5", None, "n is negative"),
        (1.5, None, "n is not a whole number"),
        (float("nan"), None, "n is not a whole number"),
        (float("inf"), None, "n is not a whole number"),
        (True, None, "n is not a whole number"),
        ("many", None, "n is not a whole number"),
        ("", None, "n is not a whole number"),
        ("9" * 5000, None, "n is not a whole number"),
        ("٣", None, "n is not a whole number"),
        ([1], None, "n is not a whole number"),
        ({}, None, "n is not a whole number"),
    ],
)
def test_a_count_is_taken_or_refused_with_words(value: Any, count: int | None, note: str) -> None:
    counts = Counts()

    found = counts.take({"n": value}, "n")

    assert found == count
    assert counts.notes == ([] if note is None else [note])
    assert counts.is_incomplete == (count is None)


def test_null_and_absence_are_not_wrong() -> None:
    counts = Counts()

    assert counts.take({"a": None}, "a", "b") is None
    assert counts.notes == []
    assert not counts.is_incomplete


def test_the_first_name_that_is_there_is_taken() -> None:
    assert Counts().take({"a": None, "b": 2, "c": 3}, "a", "b", "c") == 2


def test_a_part_is_cut_to_its_whole_and_noted() -> None:
    counts = Counts()

    assert counts.within("reasoning", 5, 3) == 3
    assert counts.notes == ["reasoning (5) is more than there can be (3)"]
    assert not counts.is_incomplete


def test_notes_are_kept_once_and_not_without_end() -> None:
    counts = Counts()

    for number in range(100):
        counts.note(f"note {number}")
        counts.note("note 0")

    assert counts.notes == [f"note {number}" for number in range(8)]


def test_an_unreadable_count_makes_the_usage_partial() -> None:
    counts = Counts()
    counts.take({"n": -1}, "n")

    usage = counts.finish(TokenUsage(output_text=3), "provider")

    assert usage == TokenUsage(output_text=3, source="partial", anomaly="n is negative")


def test_what_is_no_object_or_array_is_an_empty_one() -> None:
    assert as_mapping([1]) == {}
    assert as_mapping({"a": 1}) == {"a": 1}
    assert as_list({"a": 1}) == []
    assert as_list([1]) == [1]
