"""What "Budgets" draws: how much is used, and how earlier periods ended. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from dashboards.components.format import NONE, money, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.components.chart import Table
    from dashboards.data_budgets import Budget, Close

_COLORS: Final = {"red": "#D64550", "orange": "#E08A1E", "green": "#12A594", "gray": "#8A8F98"}
_LINE: Final = "#4C6FFF"
_FULL: Final = 100.0


def progress_bar(used: float | None, ahead: float | None, color: str, *, name: str) -> str:
    """Return a bar as HTML, full at the budget; a mark says where the forecast ends.

    ``used`` and ``ahead`` are shares of the budget; ``name`` is read aloud.
    """
    filled = min(max(used or 0.0, 0.0), 1.0) * _FULL
    mark = ""
    if ahead is not None:
        place = min(max(ahead, 0.0), 1.0) * _FULL
        mark = (
            f'<div style="position:absolute;left:calc({place:.1f}% - 2px);top:-3px;width:3px;'
            'height:16px;border-radius:2px;background:currentColor;opacity:.65"></div>'
        )
    return (
        f'<div role="progressbar" aria-label="{escape(name)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{filled:.0f}" style="position:relative;height:10px;'
        'border-radius:5px;background:rgba(128,128,128,.22);margin:.15rem 0">'
        f'<div style="width:{filled:.1f}%;height:10px;border-radius:5px;'
        f'background:{_COLORS[color]}"></div>{mark}</div>'
    )


def period_name(close: Close, budget: Budget) -> str:
    """Return a period as people call it: a day, the Monday of a week, or a month."""
    return f"{close.start:%b %Y}" if budget.period == "month" else f"{close.start:%a %d %b}"


def ending(close: Close, budget: Budget) -> str:
    """Return in words how a period ended."""
    if close.spent is None:
        return "No price known" if close.unpriced else "Nothing called"
    return (
        f"Over by {money(close.spent - budget.amount_usd)}"
        if close.spent > budget.amount_usd
        else "Within budget"
    )


def closes_chart(closes: Sequence[Close], budget: Budget) -> dict[str, Any]:
    """Return a bar for each period, the oldest first, and the budget as a line."""
    rows = [
        {
            "period": period_name(close, budget),
            "spent": float(close.spent or 0),
            "told": NONE if close.spent is None else money(close.spent),
            "used": percent(close.used, 0),
            "ended": "Over budget"
            if close.spent and close.spent > budget.amount_usd
            else "Within budget",
        }
        for close in reversed(closes)
    ]
    names = [str(row["period"]) for row in rows]
    return {
        "height": 300,
        "layer": [
            {
                "data": {"values": rows},
                "mark": {"type": "bar", "cornerRadiusEnd": 2, "tooltip": True},
                "encoding": {
                    "x": {
                        "field": "period", "type": "ordinal", "sort": names, "title": None,
                        "axis": {"labelAngle": -40, "ticks": False, "labelOverlap": True},
                    },
                    "y": {
                        "field": "spent", "type": "quantitative", "title": None,
                        "axis": {"format": "$,~r", "tickCount": 5},
                    },
                    "color": {
                        "field": "ended", "type": "nominal",
                        "scale": {"domain": ["Within budget", "Over budget"],
                                  "range": [_LINE, _COLORS["red"]]},
                        "legend": {"orient": "top", "title": None, "symbolSize": 60},
                    },
                    "tooltip": [
                        {"field": "period", "type": "nominal", "title": "Period from"},
                        {"field": "told", "type": "nominal", "title": "Spent"},
                        {"field": "used", "type": "nominal", "title": "Of the budget"},
                    ],
                },
            },
            {
                "data": {"values": [{"amount": float(budget.amount_usd)}]},
                "mark": {"type": "rule", "color": _COLORS["red"], "strokeDash": [6, 4]},
                "encoding": {"y": {"field": "amount", "type": "quantitative"}},
            },
        ],
    }  # fmt: skip


def closes_table(closes: Sequence[Close], budget: Budget) -> Table:
    """Return the figures of ``closes_chart``, the newest first."""
    rows = [
        [
            period_name(close, budget),
            NONE if close.spent is None else money(close.spent),
            percent(close.used, 0),
            ending(close, budget),
        ]
        for close in closes
    ]
    return ("Period from", "Spent", "Of the budget", "Ended"), rows
