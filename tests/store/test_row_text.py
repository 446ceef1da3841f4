"""Rows as text: every digit, no formula, names that stay apart."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from llmtrace.store.row_text import csv_cell, csv_line, harmless, json_text, plain_text, records_of


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (Decimal("0.000000012300"), "0.0000000123"),
        (Decimal("-1E+3"), "-1000"),
        (None, ""),
        (True, "true"),
        ("=cmd()", "'=cmd()"),
        ("@sum", "'@sum"),
        (["a", None], '["a", null]'),
        (datetime(2026, 11, 18, 12, tzinfo=UTC), "2026-11-18 12:00:00+00:00"),
    ],
)
def test_a_cell_is_exact_and_no_formula(value: object, cell: str) -> None:
    assert csv_cell(value) == cell


def test_a_line_quotes_what_would_break_it() -> None:
    assert csv_line(["a,b", 'say "x"', "one\rtwo", "plain"]) == (
        '"a,b","say ""x""","one\rtwo",plain'
    )


def test_json_keeps_all_digits_of_money() -> None:
    text = json_text({"cost": Decimal("1234567.000000000012"), "nan": float("nan")})

    assert text == '{"cost": 1234567.000000000012, "nan": null}'
    assert json.loads(text, parse_float=Decimal)["cost"] == Decimal("1234567.000000000012")


def test_columns_of_one_name_stay_apart() -> None:
    rows = pa.table([pa.array([1]), pa.array([2])], names=["n", "n"])

    assert records_of(rows) == [{"n": 1, "n_1": 2}]


def test_text_is_only_prefixed_where_it_would_run() -> None:
    assert (harmless("-1+2"), harmless("a-1"), plain_text(b"\x01\xff")) == ("'-1+2", "a-1", "01ff")
