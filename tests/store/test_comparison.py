"""Comparisons keep the unknown unknown and divide by nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from llmtrace.store.comparison import change_ratio, difference, share


def test_half_more_is_a_change_of_one_half() -> None:
    assert change_ratio(Decimal(3), Decimal(2)) == 0.5
    assert change_ratio(0, 4) == -1


@pytest.mark.parametrize("before", [None, 0, Decimal(0)])
def test_a_change_from_nothing_is_unknown(before: Decimal | None) -> None:
    assert change_ratio(5, before) is None


def test_a_share_is_known_only_of_a_known_whole() -> None:
    assert share(Decimal(1), Decimal(4)) == 0.25
    assert share(None, Decimal(4)) is None
    assert share(Decimal(0), Decimal(0)) is None


def test_rates_are_compared_in_points() -> None:
    assert difference(0.75, 0.5) == 0.25
    assert difference(None, 0.5) is None
