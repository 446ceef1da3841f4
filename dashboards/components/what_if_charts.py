"""The chart of "What-if" as a plain Vega-Lite dictionary, and the same figures as a table. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dashboards.components.format import money, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from dashboards.components.chart import Table

_LESS, _MORE, _NOW = "#12A594", "#D64550", "#8A8F98"
_ROW_PX: Final = 30
_AROUND_PX: Final = 80
"""Legend and axis, which Streamlit counts in."""


def bills_chart(bills: Sequence[tuple[str, Decimal]], now: Decimal) -> dict[str, Any]:
    """Return a bar for the bill with each model, and a line at what was paid."""
    rows = [
        {
            "model": one_line(name, 60),
            # Numbers are floats: Vega cannot scale the 64-bit integers that whole ones become.
            "bill": float(bill),
            "kind": "Less" if bill < now else "More" if bill > now else "The same",
            "shown": money(bill),
        }
        for name, bill in bills
    ]
    tooltip = [
        {"field": "model", "type": "nominal", "title": "Model"},
        {"field": "shown", "type": "nominal", "title": "Bill"},
        {"field": "kind", "type": "nominal", "title": "Than was paid"},
    ]
    return {
        "data": {"values": rows},
        "height": float(_ROW_PX * len(rows) + _AROUND_PX),
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2, "height": 16.0},
                "encoding": {
                    "y": {
                        "field": "model",
                        "type": "nominal",
                        "sort": None,
                        "title": None,
                        "axis": {"labelLimit": 220, "ticks": False, "domain": False},
                    },
                    "x": {
                        "field": "bill",
                        "type": "quantitative",
                        "title": None,
                        "axis": {"format": "$,~r", "tickCount": 5},
                    },
                    "color": {
                        "field": "kind",
                        "type": "nominal",
                        "scale": {
                            "domain": ["Less", "More", "The same"],
                            "range": [_LESS, _MORE, _NOW],
                        },
                        "legend": {
                            "orient": "top", "title": "Than was paid", "titleOrient": "left",
                        },
                    },
                    "tooltip": tooltip,
                },
            },
            {
                "data": {"values": [{"now": float(now)}]},
                "mark": {"type": "rule", "color": _NOW, "strokeDash": [4, 3], "size": 1.5},
                "encoding": {"x": {"field": "now", "type": "quantitative"}},
            },
        ],
    }  # fmt: skip


def bills_table(bills: Sequence[tuple[str, Decimal]], now: Decimal) -> Table:
    """Return the figures of ``bills_chart``."""
    rows = [["As it was", money(now)], *([name, money(bill)] for name, bill in bills)]
    return ("Model", "Bill"), rows
