"""YAML with lines: what is read, what is left out."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.pricing.price_yaml import Report, Value, number_of, read_yaml

if TYPE_CHECKING:
    from pathlib import Path


def _read(tmp_path: Path, text: str) -> tuple[Value | None, Report]:
    path = tmp_path / "prices.yaml"
    path.write_text(text, encoding="utf-8")
    report = Report(path)
    return read_yaml(path, report), report


def test_every_value_knows_its_line(tmp_path: Path) -> None:
    root, _ = _read(tmp_path, "- a: 1\n  b:\n    c: null\n- [x]\n")

    assert root is not None
    assert root.items is not None
    first, second = root.items
    assert first.entries is not None
    assert (first.entries["a"].text, first.entries["a"].line) == ("1", 1)
    inner = first.entries["b"].entries
    assert inner is not None
    assert (inner["c"].text, inner["c"].line) == (None, 3)
    assert second.items is not None
    assert second.items[0].text == "x"


def test_a_name_given_twice_is_a_problem_and_the_first_stands(tmp_path: Path) -> None:
    root, report = _read(tmp_path, "a: 1\na: 2\n")

    assert root is not None
    assert root.entries is not None
    assert root.entries["a"].text == "1"
    assert report.problems == [f"{report.path}:2: 'a' is given twice in one place; keep one"]


def test_what_nests_too_deeply_is_left_out(tmp_path: Path) -> None:
    root, _ = _read(tmp_path, "[" * 20 + "x" + "]" * 20)

    depth = 0
    while root is not None and root.items:
        root, depth = root.items[0], depth + 1
    assert depth == 7


@pytest.mark.parametrize(("text", "number"), [("0.10", "0.10"), ("1e-3", "0.001"), ("0", "0")])
def test_a_number_is_what_is_written(tmp_path: Path, text: str, number: str) -> None:
    report = Report(tmp_path / "x")

    found = number_of("n", Value(1, text), report, most=Decimal(1), decimals=6)

    assert found == Decimal(number)
    assert report.problems == []
