"""The cost that a provider states itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from llmtrace.usage import read_reported_cost


@pytest.mark.parametrize(
    ("raw", "usd"),
    [
        ({"cost": 0.00026695}, "0.00026695"),
        ({"cost": 1e-06}, "0.000001"),
        ({"cost": 0}, "0"),
        ({"cost": "0.5"}, "0.5"),
        ({"cost_in_usd_ticks": 1777000}, "0.0001777"),
        ({"cost_in_usd_ticks": "122180000"}, "0.012218"),
        ({"cost": {"input_tokens_cost": 0.1, "total_cost": 0.006}}, "0.006"),
        (
            {
                "cost": 0.01,
                "is_byok": True,
                "cost_details": {"upstream_inference_cost": 0.2},
            },
            "0.21",
        ),
        ({"cost": 0.01, "is_byok": False, "cost_details": {}}, "0.01"),
    ],
)
def test_a_stated_cost_is_taken_as_it_was_written(raw: dict[str, Any], usd: str) -> None:
    assert read_reported_cost(raw) == Decimal(usd)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {},
        [],
        {"cost": None},
        {"cost": -1},
        {"cost": True},
        {"cost": float("nan")},
        {"cost": float("inf")},
        {"cost": "free"},
        {"cost": "9" * 100},
        {"cost": 1_000_000},
        {"cost": {"total_cost": None}},
        {"cost": [1]},
        {"cost": 0.01, "is_byok": True},
        {"cost": 0.01, "is_byok": True, "cost_details": "?"},
    ],
)
def test_what_is_no_cost_is_unknown(raw: Any) -> None:
    assert read_reported_cost(raw) is None
