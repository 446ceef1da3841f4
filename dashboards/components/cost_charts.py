"""The charts of "Cost" as plain Vega-Lite dictionaries, and the same figures as tables. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from dashboards.components.format import NONE, count, money

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.components.chart import Table
    from dashboards.data_cost import DayCourse, MonthCourse, Step

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LINE: Final = "#4C6FFF"
_BAND: Final = "#8A8F98"
_BUDGET: Final = "#D64550"
_HEIGHT: Final = 240
_MONEY_AXIS: Final = {"format": "$,~r", "tickCount": 4}


def day_chart(course: DayCourse) -> dict[str, Any]:
    """Return today's spend as a line over the band that is usual."""
    rows = [
        {
            # Numbers are floats: Vega cannot scale the 64-bit integers that whole ones become.
            "hour": float(hour.hour + 1),
            "spent": None if hour.spent is None else float(hour.spent),
            "low": None if hour.low is None else float(hour.low),
            "high": None if hour.high is None else float(hour.high),
            "until": f"until {hour.hour + 1:02d}:00",
            "today": NONE if hour.spent is None else money(hour.spent),
            "usual": _band(hour.low, hour.high),
        }
        for hour in course.hours
    ]
    x = {
        "field": "hour",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [0.0, 24.0]},
        "axis": {
            "values": [0.0, 6.0, 12.0, 18.0, 24.0],
            "labelExpr": "(datum.value < 10 ? '0' : '') + datum.value + ':00'",
            "grid": False,
        },
    }
    tooltip = [
        {"field": "until", "type": "nominal", "title": "Spent"},
        {"field": "today", "type": "nominal", "title": "Today"},
        {"field": "usual", "type": "nominal", "title": "Usual"},
    ]
    return _layers(rows, x, "spent", tooltip, middle=None)


def day_table(course: DayCourse) -> Table:
    """Return the figures of ``day_chart``."""
    rows = [
        [
            f"{hour.hour + 1:02d}:00",
            NONE if hour.spent is None else money(hour.spent),
            _band(hour.low, hour.high),
        ]
        for hour in course.hours
    ]
    return ("Until", "Today", "Usual"), rows


def month_chart(course: MonthCourse, budgets: Sequence[tuple[str, Decimal]] = ()) -> dict[str, Any]:
    """Return the month to date as a line, where it is heading as a fan, and budgets as levels."""
    rows: list[dict[str, Any]] = [
        {"t": _ms(day), "spent": float(spent), "day": f"{day:%d %b}", "told": money(spent)}
        for day, spent in course.days
    ]
    rows.extend(
        {
            "t": _ms(point.day),
            "low": float(point.low),
            "high": float(point.high),
            "middle": float(point.middle),
            "day": f"{point.day:%d %b}",
            "told": f"{money(point.middle)} ({_band(point.low, point.high)})",
        }
        for point in course.fan
    )
    x = {
        "field": "t",
        "type": "temporal",
        "scale": {"type": "utc"},
        "title": None,
        "axis": {"format": "%d %b", "grid": False, "labelOverlap": True, "tickCount": 6},
    }
    tooltip = [
        {"field": "day", "type": "nominal", "title": "By"},
        {"field": "told", "type": "nominal", "title": "Spent"},
    ]
    spec = _layers(rows, x, "spent", tooltip, middle="middle")
    if budgets:
        # The levels have no place in time: the shared axis becomes that of the others alone.
        shared = spec.pop("encoding")
        others = {"encoding": shared, "layer": spec["layer"]}
        spec["layer"] = [others, _levels(budgets)]
    return spec


def month_table(course: MonthCourse) -> Table:
    """Return the figures of ``month_chart``."""
    rows = [[f"{day:%Y-%m-%d}", money(spent), NONE] for day, spent in course.days]
    rows.extend(
        [f"{point.day:%Y-%m-%d}", money(point.middle), _band(point.low, point.high)]
        for point in course.fan[1:]
    )
    return ("By the end of", "Spent or projected", "Four months in five"), rows


def heat_chart(costs: Mapping[tuple[int, int], Decimal]) -> dict[str, Any]:
    """Return a cell for every weekday and hour, darker where more was spent."""
    rows = [
        {
            "day": DAYS[day],
            "hour": f"{hour:02d}",
            "cost": float(costs.get((day, hour), 0)),
            "told": money(costs.get((day, hour), Decimal(0))),
        }
        for day in range(7)
        for hour in range(24)
    ]
    hours = [f"{hour:02d}" for hour in range(24)]
    return {
        "data": {"values": rows},
        "height": _HEIGHT,
        "mark": {"type": "rect", "cornerRadius": 2, "tooltip": True},
        "encoding": {
            "x": {
                "field": "hour",
                "type": "ordinal",
                "sort": hours,
                "title": None,
                "axis": {"values": hours[::6], "labelAngle": 0, "ticks": False, "domain": False},
            },
            "y": {
                "field": "day",
                "type": "ordinal",
                "sort": list(DAYS),
                "title": None,
                "axis": {"ticks": False, "domain": False},
            },
            "color": {
                "field": "cost",
                "type": "quantitative",
                "title": None,
                "scale": {"range": ["rgba(76, 111, 255, 0.06)", _LINE]},
                "legend": None,
            },
            "tooltip": [
                {"field": "day", "type": "nominal", "title": "Day"},
                {"field": "hour", "type": "nominal", "title": "Hour"},
                {"field": "told", "type": "nominal", "title": "Cost"},
            ],
        },
    }


def heat_table(costs: Mapping[tuple[int, int], Decimal]) -> Table:
    """Return the figures of ``heat_chart``, a row for each hour."""
    rows = [
        [f"{hour:02d}:00", *(money(costs.get((day, hour), Decimal(0))) for day in range(7))]
        for hour in range(24)
    ]
    return ("Hour", *DAYS), rows


def distribution_chart(steps: Sequence[Step]) -> dict[str, Any]:
    """Return how many calls cost how much, a bar for each step that occurs."""
    names = [money(step.from_usd) for step in steps]
    rows = [
        {
            "from": name,
            "calls": float(step.calls),
            "told": count(step.calls),
            "cost": money(step.cost),
        }
        for name, step in zip(names, steps, strict=True)
    ]
    return {
        "data": {"values": rows},
        "height": _HEIGHT,
        "mark": {"type": "bar", "cornerRadiusEnd": 2, "tooltip": True, "color": _LINE},
        "encoding": {
            "x": {
                "field": "from",
                "type": "ordinal",
                "sort": names,
                "title": None,
                "axis": {"labelAngle": -40, "ticks": False},
            },
            "y": {
                "field": "calls",
                "type": "quantitative",
                "title": None,
                "axis": {"format": "~s", "tickCount": 4},
            },
            "tooltip": [
                {"field": "from", "type": "nominal", "title": "From"},
                {"field": "told", "type": "nominal", "title": "Calls"},
                {"field": "cost", "type": "nominal", "title": "Together"},
            ],
        },
    }


def distribution_table(steps: Sequence[Step]) -> Table:
    """Return the figures of ``distribution_chart``."""
    rows = [[money(step.from_usd), count(step.calls), money(step.cost)] for step in steps]
    return ("From", "Calls", "Together"), rows


def _layers(
    rows: list[dict[str, Any]],
    x: dict[str, Any],
    line: str,
    tooltip: list[dict[str, str]],
    *,
    middle: str | None,
) -> dict[str, Any]:
    def y(name: str) -> dict[str, Any]:
        return {"field": name, "type": "quantitative", "title": None, "axis": _MONEY_AXIS}

    band = {
        "mark": {"type": "area", "color": _BAND, "opacity": 0.25},
        "transform": [{"filter": "isValid(datum.low)"}],
        "encoding": {"y": y("low"), "y2": {"field": "high"}},
    }
    spent = {
        "mark": {"type": "line", "color": _LINE, "strokeWidth": 2.5, "point": {"size": 22}},
        "transform": [{"filter": f"isValid(datum.{line})"}],
        "encoding": {"y": y(line), "tooltip": tooltip},
    }
    layers = [band, spent]
    if middle:
        layers.insert(1, {
            "mark": {"type": "line", "color": _LINE, "strokeDash": [5, 4], "point": {"size": 10}},
            "transform": [{"filter": f"isValid(datum.{middle})"}],
            "encoding": {"y": y(middle), "tooltip": tooltip},
        })  # fmt: skip
    return {
        "data": {"values": rows},
        "height": _HEIGHT,
        "encoding": {"x": x},
        "layer": layers,
    }


def _levels(budgets: Sequence[tuple[str, Decimal]]) -> dict[str, Any]:
    """Return a line across the chart for each budget, with its name and amount."""
    return {
        "data": {
            "values": [
                {"amount": float(amount), "told": f"{name} {money(amount)}"}
                for name, amount in budgets
            ]
        },
        "encoding": {"y": {"field": "amount", "type": "quantitative"}},
        "layer": [
            {"mark": {"type": "rule", "color": _BUDGET, "strokeDash": [6, 4], "strokeWidth": 1.5}},
            {
                "mark": {
                    "type": "text", "color": _BUDGET, "align": "left", "baseline": "bottom",
                    "x": 4, "dy": -3, "fontSize": 12,
                },
                "encoding": {"text": {"field": "told", "type": "nominal"}},
            },
        ],
    }  # fmt: skip


def _band(low: Decimal | None, high: Decimal | None) -> str:
    return NONE if low is None or high is None else f"{money(low)} to {money(high)}"


def _ms(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp() * 1_000
