"""A chart of a query's rows: two columns against each other, a third as colour. Pure.

Bounded in points, steps and colours; what is left out is said. Columns go by their place, for
names may be the same. Everything that a row says is text in the chart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

from dashboards.asking import ms
from dashboards.components.charts import series_color
from dashboards.components.format import NONE, one_line
from llmtrace.store.python_values import python_columns
from llmtrace.store.row_text import digits, plain_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

Kind = Literal["bar", "line", "area", "point"]
KINDS: Final[dict[Kind, str]] = {"bar": "Bars", "line": "Line", "area": "Area", "point": "Points"}
MAX_POINTS: Final = 5_000
MAX_STEPS: Final = 200
"""Values of an axis of names."""
MAX_COLORS: Final = 12
_NUMBERS: Final = ("int", "uint", "float", "double", "decimal")
"""How the names of Arrow's types begin."""
_TIMES: Final = ("timestamp", "date")
_HEIGHT: Final = 340
_TO_MICROSECONDS: Final = len("2026-11-22 10:00:00.000000")
_LONGEST: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a viewer chose; x, y and colour are places of columns."""

    kind: Kind
    x: int
    y: int
    color: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A chart, and what it leaves out."""

    spec: dict[str, Any] | None
    """Vega-Lite; None: no row can be drawn."""
    notes: tuple[str, ...]


def is_number(table: pa.Table, column: int) -> bool:
    """Say whether a column holds numbers, which may be an axis' heights."""
    return str(table.schema.field(column).type).startswith(_NUMBERS)


def first_choice(table: pa.Table) -> Choice | None:
    """Return what to begin with; None if no column holds numbers."""
    columns = range(table.num_columns)
    numbers = [each for each in columns if is_number(table, each)]
    if not numbers:
        return None
    times = [each for each in columns if _is_time(table, each)]
    names = [each for each in columns if each not in numbers and each not in times]
    x = (times or names or columns)[0]
    heights = [each for each in numbers if each != x] or numbers
    money = [each for each in heights if table.schema.field(each).name.endswith("_usd")]
    return Choice(
        kind="line" if times else "bar",
        x=x,
        y=(money or heights)[0],
        color=names[0] if times and names else None,
    )


def draw(table: pa.Table, choice: Choice) -> Drawn:
    """Return the chart of what can be drawn."""
    rows = table.slice(0, MAX_POINTS)
    notes: list[str] = []
    if table.num_rows > MAX_POINTS:
        notes.append(f"the first {MAX_POINTS:,} of {table.num_rows:,} rows are drawn")
    as_names = choice.kind == "bar" or not (is_number(table, choice.x) or _is_time(table, choice.x))
    values = [
        value
        for value in map(_value, *_columns(rows, choice), [as_names] * rows.num_rows)
        if value is not None
    ]
    if len(values) < rows.num_rows:
        notes.append(f"{rows.num_rows - len(values):,} rows without a value are left out")
    if as_names:
        values = _first(values, "x", MAX_STEPS, notes, "values of the x axis")
    series = _distinct(values, "series") if choice.color is not None else []
    if len(series) > MAX_COLORS:
        values = _first(values, "series", MAX_COLORS, notes, "colours")
        series = series[:MAX_COLORS]
    if not values:
        return Drawn(spec=None, notes=tuple(notes))
    return Drawn(spec=_spec(table, choice, values, series, as_names), notes=tuple(notes))


def _columns(rows: pa.Table, choice: Choice) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
    x, y, color = choice.x, choice.y, choice.color
    asked = [x, y] if color is None else [x, y, color]
    found = python_columns(rows.select(asked).rename_columns([str(each) for each in asked]))
    return found[0], found[1], [None] * rows.num_rows if color is None else found[2]


def _value(x: object, y: object, color: object, as_names: bool) -> dict[str, Any] | None:  # noqa: FBT001  # mapped over
    """Return one point; None without a height or a place."""
    height = _number(y)
    place = _text(x) if as_names and x is not None else _place(x)
    if height is None or place is None:
        return None
    return {
        "x": place,
        "y": height,
        "series": _text(color),
        "shown_x": _text(x),
        "shown_y": _text(y),
    }


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return digits(value)
    return one_line(None if value is None else plain_text(value), _LONGEST)


def _place(value: object) -> float | str | None:
    """Return where on the x axis: a number, or milliseconds for a time."""
    if isinstance(value, str):  # a time that Python has no value for: of nanoseconds, or too far
        try:
            value = datetime.fromisoformat(value[:_TO_MICROSECONDS])
        except ValueError:
            return None
    if isinstance(value, datetime):
        return float(ms(value))
    if isinstance(value, date):
        return float(ms(datetime(value.year, value.month, value.day)))  # noqa: DTZ001  # as stored: UTC
    return _number(value)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _first(
    values: list[dict[str, Any]], field: str, limit: int, notes: list[str], what: str
) -> list[dict[str, Any]]:
    distinct = _distinct(values, field)
    if len(distinct) <= limit:
        return values
    notes.append(f"the first {limit} of {len(distinct):,} {what} are drawn")
    kept = set(distinct[:limit])
    return [value for value in values if value[field] in kept]


def _distinct(values: list[dict[str, Any]], field: str) -> list[str]:
    return list(dict.fromkeys(value[field] for value in values))


def _is_time(table: pa.Table, column: int) -> bool:
    return str(table.schema.field(column).type).startswith(_TIMES)


def _spec(
    table: pa.Table,
    choice: Choice,
    values: list[dict[str, Any]],
    series: list[str],
    as_names: bool,  # noqa: FBT001  # private
) -> dict[str, Any]:
    x_name, y_name = (
        one_line(table.schema.field(each).name, 40) or NONE for each in (choice.x, choice.y)
    )
    axis: dict[str, Any] = {"labelOverlap": True, "labelLimit": 160}
    x: dict[str, Any] = {"field": "x", "title": x_name, "axis": axis}
    if as_names:
        x |= {"type": "nominal", "sort": None}
    elif _is_time(table, choice.x):
        x |= {"type": "temporal", "scale": {"type": "utc"}}
    else:
        x |= {"type": "quantitative", "scale": {"zero": False}}
    tooltip = [
        {"field": "shown_x", "type": "nominal", "title": x_name},
        {"field": "shown_y", "type": "nominal", "title": y_name},
    ]
    encoding: dict[str, Any] = {
        "x": x,
        "y": {"field": "y", "type": "quantitative", "title": y_name, "axis": {"tickCount": 6}},
        "tooltip": tooltip,
    }
    if choice.color is not None:
        encoding["color"] = series_color(series)
        tooltip.append({"field": "series", "type": "nominal", "title": "Colour"})
    return {
        "data": {"values": values},
        "height": _HEIGHT,
        "mark": _mark(choice.kind),
        "encoding": encoding,
    }


def _mark(kind: Kind) -> dict[str, Any]:
    look: dict[Kind, dict[str, Any]] = {
        "bar": {"cornerRadiusEnd": 1},
        "line": {"point": {"size": 22}, "strokeWidth": 2},
        "area": {"line": True, "opacity": 0.55},
        "point": {"filled": True, "size": 45},
    }
    return {"type": kind, "tooltip": True, **look[kind]}
