"""Rows of CSV files: with the header's names, bounded, and a bad one costs only itself."""

from __future__ import annotations

import io
from typing import Any

import pytest

from llmtrace.otlp.imports.csv_rows import csv_rows


def read(text: str | bytes, **limits: int) -> list[Any]:
    raw = io.BytesIO(text if isinstance(text, bytes) else text.encode())
    return [
        (each.line, each.problem or each.value)
        for each in csv_rows(io.BufferedReader(raw), **limits)
    ]


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_rows_have_the_names_of_the_header(separator: str) -> None:
    text = f"a{separator}b\n1{separator}two\n"

    assert read(text) == [(2, {"a": "1", "b": "two"})]


def test_a_cell_may_hold_separators_quotes_and_lines() -> None:
    found = read('a,b\n"x,""y""\nz",1\n3,4\n')

    assert found == [(2, {"a": 'x,"y"\nz', "b": "1"}), (4, {"a": "3", "b": "4"})]


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert read(b"\xef\xbb\xbfa,b\r\n1,2\r\n") == [(2, {"a": "1", "b": "2"})]


def test_formulas_are_text() -> None:
    assert read("a\n=1+1\n") == [(2, {"a": "=1+1"})]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b"1", "a row unlike the header"),
        (b"1,2,3", "a row unlike the header"),
        (b"1,\xff", "not UTF-8"),
        (b'"1"x,2', "not CSV"),
        (b"1," + b"x" * 5000, "longer than 1,000 characters"),
    ],
)
def test_a_bad_row_costs_only_itself(bad: bytes, problem: str) -> None:
    found = read(b"a,b\n1,2\n" + bad + b"\n3,4\n", max_characters=1000)

    assert found == [(2, {"a": "1", "b": "2"}), (3, problem), (4, {"a": "3", "b": "4"})]


def test_a_file_that_ends_within_a_cell_says_so() -> None:
    assert read('a,b\n1,2\n3,"four') == [
        (2, {"a": "1", "b": "2"}),
        (3, "truncated: the file ends within a row"),
    ]


def test_an_empty_row_says_nothing() -> None:
    assert read("a,b\n,\n") == [(2, {})]
