"""Charts as plain Vega-Lite dictionaries (Altair objects cost 27 ms each, a dictionary 0.7 ms)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from dashboards.components.format import NONE, duration, money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.components.chart import Table
    from dashboards.components.tree import Step
    from dashboards.data import Bar

_UNITS: Final = {
    "minute": "utcyearmonthdatehoursminutes",
    "hour": "utcyearmonthdatehours",
    "day": "utcyearmonthdate",
}
_AXIS: Final = {"minute": "%H:%M", "hour": "%d %b %H:%M", "day": "%d %b"}
_KINDS: Final = ("LLM call", "Tool", "Step", "Error")
_KIND_COLORS: Final = {
    "light": ["#4C6FFF", "#12A594", "#A9B0BB", "#D64550"],
    "dark": ["#7C93FF", "#3ECFB8", "#6B7380", "#F2727C"],
}
_DIME: Final = Decimal("0.1")
# Vega trims labels; the zero-width space before the indent is not white space to it.
_INDENT_START: Final = "\u200b"
MAX_STEPS: Final = 200
_ROW_PX: Final = 26
PICKED: Final = "picked"
"""The selection of a bar of ``stacked_cost``: ``from`` as ``wall_ms``, and ``series``."""


def stacked_cost(
    bars: Sequence[Bar], *, grain: str, start_ms: int, end_ms: int, series: Sequence[str]
) -> dict[str, Any]:
    """Return cost by bucket of time, stacked by series; times are ``wall_ms``."""
    names = list(series)
    # Numbers are floats: Streamlit sends whole ones as 64-bit integers, which Vega cannot scale.
    values = [
        {
            "t": float(bar.time_ms),
            "from": float(bar.time_ms),
            "series": bar.series,
            "rank": float(names.index(bar.series)),
            "cost": float(bar.cost),
            "shown": money(bar.cost),
            "when": wall_text(bar.time_ms),
        }
        for bar in bars
    ]
    # Empty bars hold the axis open over the whole range: Vega drops an explicit domain here.
    values.extend(
        {
            "t": float(edge),
            "series": names[0],
            "rank": 0.0,
            "cost": 0.0,
            "shown": "$0.00",
            "when": wall_text(edge),
        }
        for edge in (start_ms, end_ms - 1)
    )
    is_small = all(bar.cost < _DIME for bar in bars)
    axis = {"format": "$,~r" if is_small else "$,.2f", "tickCount": 5}
    return {
        "data": {"values": values},
        "height": 300,
        "params": [{"name": PICKED, "select": {"type": "point", "fields": ["from", "series"]}}],
        "mark": {"type": "bar", "cornerRadiusEnd": 1, "tooltip": True, "cursor": "pointer"},
        "encoding": {
            "x": time_axis(grain),
            "y": {
                "field": "cost",
                "type": "quantitative",
                "stack": "zero",
                "title": None,
                "axis": axis,
            },
            "color": series_color(names),
            "order": {"field": "rank", "type": "quantitative"},
            "tooltip": [
                {"field": "when", "type": "nominal", "title": "From"},
                {"field": "series", "type": "nominal", "title": "Series"},
                {"field": "shown", "type": "nominal", "title": "Cost"},
            ],
        },
    }


def stacked_table(bars: Sequence[Bar], series: Sequence[str]) -> Table:
    """Return the figures of ``stacked_cost``: a row for each bucket with a call, newest first."""
    found: dict[int, dict[str, Decimal]] = {}
    for bar in bars:
        found.setdefault(bar.time_ms, {})[bar.series] = bar.cost
    rows = [
        [wall_text(at), *(money(costs[name]) if name in costs else NONE for name in series)]
        for at, costs in sorted(found.items(), reverse=True)
    ]
    return ("From", *series), rows


def wall_text(time_ms: int) -> str:
    """Return a time of the charts' axis as people read it."""
    return f"{datetime.fromtimestamp(time_ms / 1_000, UTC):%Y-%m-%d %H:%M}"


def time_axis(grain: str) -> dict[str, Any]:
    """Return the axis of buckets of time; its field is ``t``, ``wall_ms`` as a float."""
    return {
        "field": "t",
        "type": "temporal",
        "timeUnit": _UNITS[grain],
        "scale": {"type": "utc"},
        "title": None,
        "axis": {"format": _AXIS[grain], "grid": False, "labelOverlap": True, "tickCount": 8},
    }


def series_color(names: list[str]) -> dict[str, Any]:
    """Return the colours of ``series`` with a legend on top; the names are in their order."""
    return {
        "field": "series",
        "type": "nominal",
        "sort": names,
        "scale": {"domain": names},
        "legend": {
            "orient": "top",
            "direction": "horizontal",
            "columns": 4,
            "title": None,
            "labelFontSize": 12,
            "labelLimit": 180,
            "symbolSize": 60,
        },
    }


def waterfall(steps: Sequence[Step], *, theme: str) -> dict[str, Any]:
    """Return the spans of a trace as bars in time, one row each, in the order of the tree."""
    shown = list(steps)[:MAX_STEPS]
    rows = [
        {
            "row": float(index),
            "span_id": step.span_id,
            "start": step.start_ms / 1_000,
            "end": (step.start_ms + step.duration_ms) / 1_000,
            "kind": step.kind,
            "name": step.name,
            "took": duration(step.duration_ms),
            "cost": money(step.cost) if step.is_call else "",
        }
        for index, step in enumerate(shown)
    ]
    labels = [_INDENT_START + "\u2003" * min(step.depth, 6) + step.name[:34] for step in shown]
    axis = {
        "labelExpr": "labels[datum.value]",
        "labelAlign": "left",
        "labelPadding": 165,
        "labelLimit": 160,
        "ticks": False,
        "domain": False,
        "title": None,
    }
    y = {"field": "row", "type": "ordinal", "axis": axis}
    return {
        "data": {"values": rows},
        "params": [{"name": "labels", "value": labels}],
        "height": {"step": _ROW_PX},
        "encoding": {"y": y},
        "layer": [_bars(theme), _times(theme)],
    }


def _bars(theme: str) -> dict[str, Any]:
    return {
        "params": [
            {
                "name": "span",
                "select": {"type": "point", "fields": ["span_id"], "toggle": False},
            }
        ],
        "mark": {"type": "bar", "height": 14, "cornerRadius": 3, "minBandSize": 2},
        "encoding": {
            "x": {
                "field": "start",
                "type": "quantitative",
                "title": None,
                "axis": {"labelExpr": "datum.label + ' s'", "tickCount": 6, "orient": "top"},
            },
            "x2": {"field": "end"},
            "color": {
                "field": "kind",
                "type": "nominal",
                "scale": {"domain": list(_KINDS), "range": _KIND_COLORS[theme]},
                "legend": {"orient": "bottom", "title": None, "symbolSize": 60, "columns": 2},
            },
            "tooltip": [
                {"field": "name", "type": "nominal", "title": "Span"},
                {"field": "kind", "type": "nominal", "title": "Kind"},
                {"field": "took", "type": "nominal", "title": "Took"},
                {"field": "cost", "type": "nominal", "title": "Cost"},
            ],
        },
    }


def _times(theme: str) -> dict[str, Any]:
    color = "#B4BAC4" if theme == "dark" else "#4A5261"
    return {
        "mark": {"type": "text", "align": "left", "dx": 6, "fontSize": 11, "color": color},
        "encoding": {
            "x": {"field": "end", "type": "quantitative"},
            "text": {"field": "took", "type": "nominal"},
        },
    }
