"""YAML as plain values that know their line."""

from __future__ import annotations

from decimal import Decimal

import pytest

from llmtrace.alerts.document import MAX_DIGITS, parse, shown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", 1),
        ("a: 0.1", Decimal("0.1")),
        ("a: 1_000", 1000),
        ("a: true", True),
        ("a: off", "off"),
        ("a: 2026-03-02", "2026-03-02"),
        ("a: 1:30", "1:30"),
        ("a: 0x1f", "0x1f"),
        ("a: ~", None),
        ("a: [x, 'y']", ["x", "y"]),
    ],
)
def test_scalars_are_what_a_reader_takes_them_for(text: str, value: object) -> None:
    document = parse(text)

    assert document.value == {"a": value}
    assert type(document.value) is dict
    assert document.problems == ()


def test_every_value_knows_its_line_and_a_missing_one_its_parents() -> None:
    document = parse("a:\n  b: 1\n  c:\n    - x\n    - y\n")

    assert document.line(("a", "b")) == 2
    assert document.line(("a", "c", 1)) == 5
    assert document.line(("a", "c", 1, "nothing")) == 5
    assert document.line(("a", "d")) == 1


def test_an_endless_number_is_refused() -> None:
    document = parse(f"a: {'9' * (MAX_DIGITS + 1)}")

    assert "is not sensible here" in document.problems[0].text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("abc", '"abc"'),
        (5, "5"),
        (True, "true"),
        (None, "nothing"),
        (["secret"], "a list"),
        ({"secret": 1}, "a mapping"),
        ("https://secret", '"…"'),
        ("s" * 41, '"…"'),
        ("a\x1b[31m", '"…"'),
    ],
)
def test_a_value_is_shown_short_and_never_if_it_may_be_a_secret(
    value: object, expected: str
) -> None:
    assert shown(value) == expected
