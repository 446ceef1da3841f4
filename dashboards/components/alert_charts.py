"""The charts of "Alerts" as plain Vega-Lite dictionaries, and the same figures as tables. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dashboards.components.charts import series_color, wall_text
from dashboards.components.format import NONE, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from dashboards.components.chart import Table
    from dashboards.data_alerts import Backtest, Band

    OnAxis = Callable[[datetime], int]
    """A moment → where it is on the time axis, ``wall_ms``."""

Points = list[tuple[int, float | None]]
"""Places on the time axis and values; None: there is none."""

MAX_POINTS: Final = 3_000
"""Points of a chart; of more, the worst of each few are shown."""
_KINDS: Final = ("Critical", "Warning", "Info", "Pending")
_COLORS: Final = ("#D64550", "#E08A1E", "#4C6FFF", "#8A8F98")
_LANE_PX: Final = 30
_HEIGHT: Final = 280
_FIRED: Final = "#D64550"


def lanes_chart(
    bands: Sequence[Band], lanes: Sequence[str], edges: tuple[int, int], at: OnAxis
) -> dict[str, Any]:
    """Return a lane for each rule, with a bar wherever an alert of it was pending or firing."""
    rows = [
        {
            "lane": band.rule_id,
            "from": float(max(at(band.start), edges[0])),
            "to": float(edges[1] if band.end is None else min(at(band.end), edges[1])),
            "kind": _kind(band),
            "what": one_line(band.summary, 160),
            "since": wall_text(at(band.start)),
            "until": "now" if band.end is None else wall_text(at(band.end)),
        }
        for band in bands
        if band.rule_id in lanes
    ]
    return {
        "data": {"values": rows},
        "height": {"step": _LANE_PX},
        # The stroke keeps what was short from vanishing.
        "mark": {"type": "bar", "height": 14, "cornerRadius": 2, "strokeWidth": 2, "tooltip": True},
        "encoding": {
            "x": _time("from", edges),
            "x2": {"field": "to"},
            "y": {
                "field": "lane",
                "type": "nominal",
                "sort": list(lanes),
                "scale": {"domain": list(lanes)},
                "title": None,
                "axis": {"ticks": False, "domain": False, "grid": True, "labelLimit": 170},
            },
            "color": _kind_color(),
            "stroke": {**_kind_color(), "legend": None},
            "tooltip": [
                {"field": "kind", "type": "nominal", "title": "State"},
                {"field": "what", "type": "nominal", "title": "What"},
                {"field": "since", "type": "nominal", "title": "From"},
                {"field": "until", "type": "nominal", "title": "Until"},
            ],
        },
    }


def lanes_table(bands: Sequence[Band], at: OnAxis) -> Table:
    """Return the figures of ``lanes_chart``, the newest first."""
    rows = [
        [
            band.rule_id,
            _kind(band),
            wall_text(at(band.start)),
            "now" if band.end is None else wall_text(at(band.end)),
            one_line(band.summary, 160),
        ]
        for band in reversed(bands)
    ]
    return ("Rule", "State", "From", "Until", "What"), rows


def value_chart(  # what is drawn, and how its axis reads
    series: Sequence[tuple[str, Points]],
    found: Backtest,
    *,
    threshold: float,
    told: str,
    axis: dict[str, Any],
    edges: tuple[int, int],
    at: OnAxis,
) -> dict[str, Any]:
    """Return values as lines, the threshold, and behind them when the rule would have fired."""
    x = _time("t", edges)
    names = [name for name, _ in series]
    values = [
        {"t": float(place), "value": value, "series": name}
        for name, points in series
        for place, value in points
    ]
    bands = [
        {
            "t": float(at(firing.start)),
            "to": float(edges[1] if firing.end is None else at(firing.end)),
        }
        for firing in found.firings
    ]
    color = {"color": series_color(names)} if len(names) > 1 else {"color": {"value": "#4C6FFF"}}
    line = {
        "data": {"values": values},
        "mark": {"type": "line", "strokeWidth": 1.8},
        "encoding": {
            "x": x,
            "y": {"field": "value", "type": "quantitative", "title": None, "axis": axis},
            **color,
        },
    }
    limit = {
        "data": {"values": [{"value": threshold, "told": told}]},
        "encoding": {"y": {"field": "value", "type": "quantitative"}},
        "layer": [
            {"mark": {"type": "rule", "color": _FIRED, "strokeDash": [6, 4], "strokeWidth": 1.5}},
            {
                "mark": {
                    "type": "text", "color": _FIRED, "align": "right", "baseline": "bottom",
                    "x": "width", "dx": -4, "dy": -3, "fontSize": 12,
                },
                "encoding": {"text": {"field": "told", "type": "nominal"}},
            },
        ],
    }  # fmt: skip
    behind = {
        "data": {"values": bands},
        "mark": {"type": "rect", "color": _FIRED, "opacity": 0.16},
        "encoding": {"x": x, "x2": {"field": "to"}},
    }
    layers = [*([behind] if bands else []), line, *_dots(series, line), limit]
    return {"height": _HEIGHT, "layer": layers}


def value_table(series: Sequence[tuple[str, Points]], show: Callable[[float], str]) -> Table:
    """Return the values of ``value_chart``, the newest first."""
    found: dict[int, dict[str, float | None]] = {}
    for name, points in series:
        for place, value in points:
            found.setdefault(place, {})[name] = value
    names = [name for name, _ in series]
    rows = [
        [wall_text(place), *(_shown(values.get(name), show) for name in names)]
        for place, values in sorted(found.items(), reverse=True)
    ]
    return ("At", *names), rows


def thinned(points: Points, most: int, *, highest: bool) -> Points:
    """Return at most ``most`` points: of each few the highest, or lowest, that there is."""
    size = -(-len(points) // most)
    if size <= 1:
        return points
    worst = max if highest else min
    found: Points = []
    for start in range(0, len(points), size):
        few = points[start : start + size]
        known = [point for point in few if point[1] is not None]
        found.append(worst(known, key=lambda point: point[1] or 0.0) if known else few[0])
    return found


def _dots(series: Sequence[tuple[str, Points]], line: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a layer for values between none, which are no line; nothing if there are no such."""
    alone = {(float(place), name) for name, points in series for place in _alone(points)}
    rows = [row for row in line["data"]["values"] if (row["t"], row["series"]) in alone]
    mark = {"type": "point", "filled": True, "opacity": 1, "size": 30}
    return [{**line, "data": {"values": rows}, "mark": mark}] if rows else []


def _alone(points: Points) -> list[int]:
    """Return the places of values that have none before and none after them."""
    known = [None, *(value for _, value in points), None]
    return [
        place
        for (place, value), before, after in zip(points, known, known[2:], strict=False)
        if value is not None and before is None and after is None
    ]


def _shown(value: float | None, show: Callable[[float], str]) -> str:
    return NONE if value is None else show(value)


def _kind(band: Band) -> str:
    return "Pending" if band.state == "pending" else band.severity.capitalize()


def _kind_color() -> dict[str, Any]:
    return {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": list(_KINDS), "range": list(_COLORS)},
        "legend": {
            "orient": "top",
            "direction": "horizontal",
            "title": None,
            "labelFontSize": 12,
            "symbolSize": 60,
        },
    }


def _time(field: str, edges: tuple[int, int]) -> dict[str, Any]:
    day_ms = 86_400_000
    return {
        "field": field,
        "type": "temporal",
        "scale": {"type": "utc", "domain": [float(edge) for edge in edges]},
        "title": None,
        "axis": {
            "format": "%H:%M" if edges[1] - edges[0] <= day_ms * 1.1 else "%d %b",
            "grid": False,
            "labelOverlap": True,
            "tickCount": 8,
        },
    }
