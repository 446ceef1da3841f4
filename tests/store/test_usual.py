"""What is usual: a band around the median that one odd period does not move."""

from __future__ import annotations

from decimal import Decimal

import pytest

from llmtrace.store.usual import Usual, usual


def of(*figures: float | str) -> list[Decimal]:
    return [Decimal(str(figure)) for figure in figures]


def test_three_earlier_periods_say_nothing() -> None:
    assert usual(Decimal(5), of(5, 5, 5)) == Usual(verdict="unknown", periods=3)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [("8", "usual"), ("12", "usual"), ("12.000001", "high"), ("7.999999", "low")],
)
def test_equal_periods_leave_a_fifth_either_way(value: str, verdict: str) -> None:
    found = usual(Decimal(value), of(10, 10, 10, 10))

    assert (found.verdict, found.low, found.high) == (verdict, Decimal(8), Decimal(12))


def test_the_band_is_three_scaled_scatters_about_the_median() -> None:
    found = usual(Decimal(10), of(8, 9, 10, 11, 12))

    assert (found.low, found.high) == (10 - Decimal("4.4478"), 10 + Decimal("4.4478"))


def test_one_odd_period_does_not_make_its_like_usual() -> None:
    assert usual(Decimal(900), of(10, 11, 9, 10, 1_000)).verdict == "high"


def test_the_band_never_begins_below_nothing() -> None:
    assert usual(Decimal(0), of(0, 1, 5, 9)).low == 0


def test_an_unknown_figure_is_neither() -> None:
    found = usual(None, of(10, 10, 10, 10))

    assert (found.verdict, found.high) == ("unknown", Decimal(12))
