"""How values are written in rule files."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from llmtrace.alerts.source import duration, number


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90s", 90), ("1h30m", 5_400), ("1w2d", 777_600)]
)
def test_a_duration_adds_up_its_parts(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("5%", "0.05"), ("800ms", "0.8"), ("10s", "10"), ("2m", "120"), (3, "3"), ("-0.5%", "-0.005")],
)
def test_a_value_comes_in_base_units_exactly(value: object, expected: str) -> None:
    assert number(value) == Decimal(expected)
