"""Charts of figures over time, as plain Vega-Lite dictionaries, and the same as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.components.charts import series_color, time_axis, wall_text
from dashboards.components.format import NONE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dashboards.components.chart import Table
    from dashboards.figures import Point

_HEIGHT = 260


def lines(
    points: Sequence[Point],
    series: Sequence[str],
    *,
    grain: str,
    edges: tuple[int, int],
    show: Callable[[float], str],
    scale: float = 1.0,
    unit: str = "",
) -> dict[str, Any]:
    """Return a line for each series; ``scale`` and ``unit`` are the axis's, ``show`` the tip's."""
    names = list(series)
    y = {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "axis": {"labelExpr": f"datum.label + '{unit}'", "tickCount": 5},
    }
    return {
        "height": _HEIGHT,
        "layer": [
            _edges(grain, edges),
            {
                "data": {"values": [_value(point, show, scale) for point in points]},
                "mark": {"type": "line", "point": {"size": 18}, "strokeWidth": 2, "tooltip": True},
                "encoding": {
                    "x": time_axis(grain),
                    "y": y,
                    "color": series_color(names),
                    "tooltip": _tooltip(),
                },
            },
        ],
    }


def stacked(
    points: Sequence[Point],
    series: Sequence[str],
    *,
    grain: str,
    edges: tuple[int, int],
    show: Callable[[float], str],
) -> dict[str, Any]:
    """Return bars of whole numbers, stacked by series in their order."""
    names = list(series)
    values = [
        {**_value(point, show, 1.0), "rank": float(names.index(point.series))} for point in points
    ]
    return {
        "height": _HEIGHT,
        "layer": [
            _edges(grain, edges),
            {
                "data": {"values": values},
                "mark": {"type": "bar", "cornerRadiusEnd": 1, "tooltip": True},
                "encoding": {
                    "x": time_axis(grain),
                    "y": {
                        "field": "value",
                        "type": "quantitative",
                        "stack": "zero",
                        "title": None,
                        "axis": {"tickCount": 5, "tickMinStep": 1, "format": "~s"},
                    },
                    "color": series_color(names),
                    "order": {"field": "rank", "type": "quantitative"},
                    "tooltip": _tooltip(),
                },
            },
        ],
    }


def table(points: Sequence[Point], series: Sequence[str], show: Callable[[float], str]) -> Table:
    """Return the figures of a chart: a row for each bucket that has one, the newest first."""
    found: dict[int, dict[str, float]] = {}
    for point in points:
        found.setdefault(point.time_ms, {})[point.series] = point.value
    rows = [
        [wall_text(at), *(show(values[name]) if name in values else NONE for name in series)]
        for at, values in sorted(found.items(), reverse=True)
    ]
    return ("From", *series), rows


def _value(point: Point, show: Callable[[float], str], scale: float) -> dict[str, Any]:
    # Numbers are floats: Streamlit sends whole ones as 64-bit integers, which Vega cannot scale.
    return {
        "t": float(point.time_ms),
        "series": point.series,
        "value": float(point.value) * scale,
        "shown": show(point.value),
        "when": wall_text(point.time_ms),
    }


def _edges(grain: str, edges: tuple[int, int]) -> dict[str, Any]:
    """Return what is not seen but holds the axis open over the whole range."""
    start_ms, end_ms = edges
    return {
        "data": {"values": [{"t": float(start_ms)}, {"t": float(end_ms - 1)}]},
        "mark": {"type": "tick", "opacity": 0, "tooltip": False},
        "encoding": {"x": time_axis(grain)},
    }


def _tooltip() -> list[dict[str, str]]:
    return [
        {"field": "when", "type": "nominal", "title": "From"},
        {"field": "series", "type": "nominal", "title": "Series"},
        {"field": "shown", "type": "nominal", "title": "Figure"},
    ]
