"""Features whose prompts stand out or have grown; the others are left alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from llmtrace.store.savings.bounds import Saving, added, exactly
from llmtrace.store.savings.lengths import FEWEST, find_verbose


def row(feature: str, sent: int, made: int, requests: int = 100) -> dict[str, Any]:
    return {
        "feature": feature, "requests": requests, "input_tokens": sent * requests,
        "output_tokens": made * requests, "input_tokens_per_request": float(sent),
        "output_tokens_per_request": float(made), "uncached_input_cost": Decimal(sent).scaleb(-3),
    }  # fmt: skip


def test_a_feature_stands_out_against_the_median_of_all() -> None:
    rows = [row("a", 100, 50), row("b", 200, 100), row("c", 1_000, 100)]

    (found,) = find_verbose(rows, [])

    assert (found.feature, found.ratio, found.times_median) == ("c", 10.0, 5.0)
    assert found.input_usd == Decimal(1)
    assert found.saving.is_unknown
    assert not find_verbose(rows[1:], [])  # of two, half always stand out


def test_a_feature_that_grew_by_a_quarter_is_told_one_that_shrank_is_not() -> None:
    found = find_verbose([row("a", 125, 50), row("b", 100, 50)], [row("a", 100, 50),
                                                                  row("b", 300, 50)])  # fmt: skip

    assert [(each.feature, each.grew, each.times_median) for each in found] == [("a", 0.25, None)]
    assert found[0].saving.is_unknown


def test_a_few_calls_say_nothing() -> None:
    few = FEWEST - 1

    assert not find_verbose([row("a", 900, 1, few), row("b", 1, 1), row("c", 1, 1)], [])
    assert not find_verbose([row("a", 900, 1)], [row("a", 1, 1, few)])


def test_savings_add_up_and_a_reason_stays() -> None:
    total = added([exactly(Decimal("0.1")), Saving(upper_usd=Decimal("0.2"), unsaid="no price")])

    assert total == Saving(lower_usd=Decimal("0.1"), upper_usd=Decimal("0.3"), unsaid="no price")
    assert not total.is_unknown
