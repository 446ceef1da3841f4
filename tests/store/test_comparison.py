"""Comparisons keep the unknown unknown and divide by nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from llmtrace.store.comparison import change_ratio, difference, per_1k_tokens, share


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


def test_a_thousand_tokens_cost_what_the_calls_cost_by_their_tokens() -> None:
    assert per_1k_tokens(Decimal("0.01"), 120, unpriced=0) == Decimal("0.083333333333")


@pytest.mark.parametrize(
    ("cost", "tokens", "unpriced"), [(None, 5, 0), (Decimal(1), None, 0), (Decimal(1), 0, 0)]
)
def test_without_cost_or_tokens_it_is_unknown(
    cost: Decimal | None, tokens: int | None, unpriced: int
) -> None:
    assert per_1k_tokens(cost, tokens, unpriced=unpriced) is None


def test_tokens_of_unpriced_calls_make_it_unknown() -> None:
    assert per_1k_tokens(Decimal(1), 1_000, unpriced=1) is None
