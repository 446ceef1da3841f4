"""Numbers read honestly; what a span says can neither hide nor turn text around."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dashboards.components import format as fmt


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "unpriced"),
        ("0", "$0.00"),
        ("0.0042", "$0.0042"),
        ("0.00425", "$0.0042"),
        ("0.000031", "$0.000031"),
        ("0.0000001", "<$0.000001"),
        ("0.01", "$0.01"),
        ("12.345", "$12.34"),
        ("1234567.891", "$1,234,567.89"),
        ("-0.5", "\u2212$0.50"),
    ],
)
def test_money_below_a_cent_is_not_rounded_away(amount: str | None, shown: str) -> None:
    assert fmt.money(None if amount is None else Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("amount", "unpriced", "shown"),
    [
        ("2.5", 0, "$2.50"),
        ("2.5", 1, "≥ $2.50"),
        ("0", 3, "≥ $0.00"),
        (None, 1, "unpriced"),
        (None, 0, "\u2013"),
    ],
)
def test_a_sum_of_which_a_part_has_no_price_is_a_lower_bound(
    amount: str | None, unpriced: int, shown: str
) -> None:
    assert fmt.spent(None if amount is None else Decimal(amount), unpriced) == shown


def test_money_that_is_not_known_is_a_dash_where_no_price_is_at_fault() -> None:
    assert fmt.money_if_known(None) == "\u2013"
    assert fmt.money_if_known(Decimal("2.5")) == "$2.50"


def test_exact_money_has_all_digits() -> None:
    assert fmt.exact_money(Decimal("0.000000000001")) == "$0.000000000001"
    assert fmt.exact_money(Decimal("3.500000000000")) == "$3.50"


def test_control_and_direction_characters_are_escapes() -> None:
    assert fmt.plain("a\u202eb\x1b[1m\u200bc\nd") == "a\\u202eb\\u001b[1m\\u200bc\nd"


def test_long_text_is_cut_and_says_so() -> None:
    assert fmt.plain("x" * 10, 4) == "xxx…"


def test_a_cell_has_one_line() -> None:
    assert fmt.one_line("a\n\n b\tc") == "a b c"


@pytest.mark.parametrize(
    ("value_ms", "shown"),
    [
        (None, "\u2013"),
        (0.4, "0.4 ms"),
        (999, "999 ms"),
        (1_500, "1.50 s"),
        (65_000, "65.0 s"),
        (180_000, "3.0 min"),
    ],
)
def test_durations_read_in_the_unit_that_fits(value_ms: float | None, shown: str) -> None:
    assert fmt.duration(value_ms) == shown


def test_changes_have_a_sign_and_rates_have_points() -> None:
    assert (fmt.change(0.5), fmt.change(-0.25), fmt.change(None)) == ("+50%", "-25%", None)
    assert fmt.change(24.0) == "25x"
    assert fmt.points(0.012) == "+1.2 pp"
    assert fmt.change(-0.0004, 1) == "0.0%"


@pytest.mark.parametrize("value", [-0.004, -0.0, 0.0, 0.004])
def test_what_rounds_to_nothing_has_no_sign(value: float) -> None:
    assert fmt.change(value) == "0%"
    assert fmt.points(value / 10) == "0.0 pp"
    assert fmt.is_no_change(fmt.change(value))
    assert not fmt.is_no_change("+10%")
    assert not fmt.is_no_change(None)
