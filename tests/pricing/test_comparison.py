"""Two price lists side by side."""

from __future__ import annotations

from decimal import Decimal

from llmtrace.pricing.comparison import Change, compare_lists
from llmtrace.pricing.unit_prices import Band, PriceSchedule, UnitPrices, flat


def _flat(usd: int) -> PriceSchedule:
    return flat(UnitPrices(input=Decimal(usd), output=Decimal(usd)))


def test_what_came_and_went_is_sorted() -> None:
    found = compare_lists({("b", "x"): _flat(1)}, {("c", "y"): _flat(1), ("a", "z"): _flat(1)})

    assert found.added == (("a", "z"), ("c", "y"))
    assert found.removed == (("b", "x"),)
    assert found.changed == ()


def test_each_price_that_changed_is_named_with_its_band() -> None:
    before = {("a", "x"): _flat(1)}
    long = UnitPrices(input=Decimal(3), output=Decimal(1), units={"images": Decimal(2)})
    short = UnitPrices(input=Decimal(1), output=Decimal(2))
    after = {("a", "x"): PriceSchedule((Band(0, short), Band(100, long)))}

    found = compare_lists(before, after).changed

    assert [(change.kind, change.before, change.after) for change in found] == [
        ("output", 1, 2),
        ("input > 100", None, 3),
        ("output > 100", None, 1),
        ("images > 100", None, 2),
    ]
    assert isinstance(found[0], Change)


def test_the_same_list_has_no_difference() -> None:
    found = compare_lists({("a", "x"): _flat(1)}, {("a", "x"): _flat(1)})

    assert (found.added, found.removed, found.changed) == ((), (), ())
