"""Unit prices: rounded once, where they enter."""

from __future__ import annotations

from decimal import Decimal

import pytest

from llmtrace.pricing.unit_prices import UnitPrices, flat, to_mtok_price, to_request_price


@pytest.mark.parametrize(
    ("published", "kept"),
    [("0.18000000000000002", "0.18"), ("0.0833333333333333", "0.083333"), ("15", "15")],
)
def test_a_price_keeps_six_decimals(published: str, kept: str) -> None:
    assert str(to_mtok_price(Decimal(published))) == kept


def test_a_fee_keeps_twelve_decimals() -> None:
    assert to_request_price(Decimal("0.0100000000004")) == Decimal("0.01")


def test_scaling_rounds_and_leaves_the_unknown_unknown() -> None:
    prices = UnitPrices(
        input=Decimal("0.000003"), requests={"web_search": Decimal("0.01")}, per_call=Decimal(2)
    )

    scaled = flat(prices).scaled(Decimal("0.5")).at(1)

    assert scaled.input == Decimal("0.000002")  # 1.5 millionths, half to even
    assert scaled.output is None
    assert scaled.requests == {"web_search": Decimal("0.005")}
    assert scaled.per_call == 1
