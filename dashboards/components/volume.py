"""Calls over time, failed ones apart, as bars on which a range can be dragged. Plain Vega-Lite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dashboards.components.charts import series_color, wall_text
from dashboards.components.format import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.components.chart import Table
    from dashboards.data_traces import Bucket

BRUSH: Final = "brush"
_SERIES: Final = ("Answered", "Failed")
_COLORS: Final = {"light": ["#8FA4FF", "#D64550"], "dark": ["#5B72D6", "#F2727C"]}
_HEIGHT: Final = 205
_TWO_DAYS_MS: Final = 2 * 86_400_000


def volume_bars(buckets: Sequence[Bucket], *, theme: str) -> dict[str, Any]:
    """Return a bar for each bucket; its selection ``BRUSH`` is a range of ``wall_ms``."""
    # Numbers are floats: Streamlit sends whole ones as 64-bit integers, which Vega cannot scale.
    values = [
        {
            "t": float(each.start_ms),
            "u": float(each.end_ms),
            "low": float(low),
            "high": float(high),
            "series": series,
            "when": wall_text(each.start_ms),
            "calls": count(each.calls),
            "failed": count(each.failed),
            "about": f"{wall_text(each.start_ms)}: {each.calls} calls, {each.failed} failed",
        }
        for each in buckets
        for series, low, high in (
            (_SERIES[0], each.failed, each.calls),
            (_SERIES[1], 0, each.failed),
        )
    ]
    length = buckets[-1].end_ms - buckets[0].start_ms if buckets else 0
    color = series_color(list(_SERIES))
    color["scale"]["range"] = _COLORS[theme]
    return {
        "data": {"values": values},
        "height": _HEIGHT,
        "params": [{"name": BRUSH, "select": {"type": "interval", "encodings": ["x"]}}],
        "mark": {"type": "bar", "tooltip": True, "cursor": "crosshair"},
        "encoding": {
            "x": {
                "field": "t",
                "type": "temporal",
                "scale": {"type": "utc", "nice": False},
                "title": None,
                "axis": {
                    "format": "%H:%M" if length <= _TWO_DAYS_MS else "%d %b",
                    "grid": False,
                    "labelOverlap": True,
                    "tickCount": 10,
                },
            },
            "x2": {"field": "u"},
            "y": {
                "field": "low",
                "type": "quantitative",
                "title": None,
                "axis": {"tickCount": 3, "format": "~s"},
            },
            "y2": {"field": "high"},
            "color": color,
            "description": {"field": "about", "type": "nominal"},
            "tooltip": [
                {"field": "when", "type": "nominal", "title": "From"},
                {"field": "calls", "type": "nominal", "title": "Calls"},
                {"field": "failed", "type": "nominal", "title": "Failed"},
            ],
        },
    }


def volume_table(buckets: Sequence[Bucket]) -> Table:
    """Return the same as a table, newest first."""
    rows = [
        [wall_text(each.start_ms), count(each.calls), count(each.failed)]
        for each in reversed(buckets)
    ]
    return ("From", "Calls", "Failed"), rows


def brush_of(selection: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the range that a chart's selection holds, in ``wall_ms``; None without one."""
    held: Mapping[str, Sequence[object]] = selection.get(BRUSH) or {}
    for ends in held.values():
        numbers = [end for end in ends if isinstance(end, (int, float))]
        if numbers:
            return min(numbers), max(numbers)
    return None
