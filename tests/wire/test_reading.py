"""Values of the expected type, or nothing."""

from __future__ import annotations

import pytest

from llmtrace.wire.reading import (
    error_of,
    float_of,
    int_of,
    merge_objects,
    parsed_or_text,
    texts_of,
    written_chars,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3), (3.0, 3), (3.5, None), (True, None), ("3", None), (float("inf"), None), (None, None)],
)
def test_a_whole_number_is_a_whole_number(value: object, number: int | None) -> None:
    assert int_of(value) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1.0), (0.5, 0.5), (False, None), (float("nan"), None), (10**400, None), ("1", None)],
)
def test_a_number_is_finite(value: object, number: float | None) -> None:
    assert float_of(value) == number


def test_one_string_or_several_are_a_tuple() -> None:
    assert texts_of("a") == ("a",)
    assert texts_of(["a", 1, "b"]) == ("a", "b")
    assert texts_of([]) is None
    assert texts_of({"a": 1}) is None


@pytest.mark.parametrize("text", ['{"a": ', "plain", "[1, 2", "", "[" * 100_000])
def test_text_that_is_no_json_stays_text(text: str) -> None:
    assert parsed_or_text(text) == text


def test_text_that_is_json_is_parsed_and_a_bare_number_is_not() -> None:
    assert parsed_or_text(' {"a": 1}') == {"a": 1}
    assert parsed_or_text("42") == "42"


def test_null_does_not_overwrite_what_is_known() -> None:
    into: dict[str, object] = {"a": 1, "d": {"x": 1}}

    merge_objects(into, {"a": None, "b": None, "d": {"x": None, "y": 2}})

    assert into == {"a": 1, "b": None, "d": {"x": 1, "y": 2}}


def test_the_piece_that_is_laid_over_is_not_changed_later() -> None:
    piece = {"d": {"x": 1}}
    into: dict[str, object] = {}

    merge_objects(into, piece)
    merge_objects(into, {"d": {"x": 2}})

    assert piece == {"d": {"x": 1}}


def test_an_error_text_is_bounded() -> None:
    _, message = error_of({"error": {"message": "x" * 100_000}})

    assert message is not None
    assert len(message) == 2_000


def test_a_message_alone_is_no_error() -> None:
    assert error_of({"message": "hello"}) == (None, None)


def test_characters_are_counted_at_any_depth() -> None:
    value: object = "abc"
    for _ in range(50_000):
        value = [value]

    assert written_chars(value) == 3
    assert written_chars({"key": ["ab", 1]}) == 3 + 6 + 2 + 4
