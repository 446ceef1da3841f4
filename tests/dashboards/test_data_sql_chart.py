"""A chart of any rows: bounded, exact in its tips, and what is left out is said."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from dashboards.data_sql_chart import MAX_COLORS, MAX_POINTS, MAX_STEPS, Choice, draw, first_choice

BEGIN = datetime(2026, 11, 18, 12)  # noqa: DTZ001  # as stored: UTC
ROWS = pa.table(
    {
        "hour": pa.array([BEGIN, BEGIN + timedelta(hours=1), None], pa.timestamp("us")),
        "model": ["a", None, "b"],
        "requests": [3, 4, 5],
        "cost_usd": pa.array([Decimal("0.000000000012"), None, Decimal(2)], pa.decimal128(38, 12)),
    }
)


def values(spec: dict[str, Any] | None) -> list[dict[str, Any]]:
    assert spec is not None
    json.dumps(spec, allow_nan=False)
    return spec["data"]["values"]


def test_money_over_time_by_name_is_the_first_choice() -> None:
    assert first_choice(ROWS) == Choice(kind="line", x=0, y=3, color=1)
    assert first_choice(ROWS.select(["model", "requests"])) == Choice(kind="bar", x=0, y=1)
    assert first_choice(ROWS.select(["requests"])) == Choice(kind="bar", x=0, y=0)
    assert first_choice(ROWS.select(["model"])) is None


def test_points_are_where_the_rows_say_and_tips_have_every_digit() -> None:
    drawn = draw(ROWS, Choice(kind="point", x=0, y=3, color=1))

    (point,) = values(drawn.spec)
    assert point == {
        "x": 1795003200000.0,
        "y": 1.2e-11,
        "series": "a",
        "shown_x": "2026-11-18 12:00:00",
        "shown_y": "0.000000000012",
    }
    assert drawn.notes == ("2 rows without a value are left out",)


def test_bars_stand_on_names_also_where_these_are_times() -> None:
    drawn = draw(ROWS, Choice(kind="bar", x=0, y=2))

    assert [point["x"] for point in values(drawn.spec)] == [
        "2026-11-18 12:00:00", "2026-11-18 13:00:00",
    ]  # fmt: skip
    assert drawn.spec is not None
    assert drawn.spec["encoding"]["x"]["type"] == "nominal"


def test_points_steps_and_colours_are_bounded_and_it_is_said() -> None:
    many = pa.table({"n": list(range(MAX_POINTS + 5)), "v": [1.5] * (MAX_POINTS + 5)})

    points = draw(many, Choice(kind="line", x=0, y=1))
    bars = draw(many, Choice(kind="bar", x=0, y=1))
    colored = draw(many.slice(0, 20), Choice(kind="point", x=0, y=1, color=0))

    assert len(values(points.spec)) == MAX_POINTS
    assert points.notes == ("the first 5,000 of 5,005 rows are drawn",)
    assert len(values(bars.spec)) == MAX_STEPS
    assert bars.notes[-1] == "the first 200 of 5,000 values of the x axis are drawn"
    assert len(values(colored.spec)) == MAX_COLORS
    assert colored.notes == ("the first 12 of 20 colours are drawn",)


def test_what_is_no_number_is_not_drawn() -> None:
    rows = pa.table({"n": [1.0, 2.0, 3.0], "v": [float("nan"), float("inf"), None]})

    drawn = draw(rows, Choice(kind="line", x=0, y=1))

    assert (drawn.spec, drawn.notes) == (None, ("3 rows without a value are left out",))


def test_a_day_is_its_midnight() -> None:
    rows = pa.table({"day": [date(2026, 11, 18)], "v": [1]})

    (point,) = values(draw(rows, Choice(kind="line", x=0, y=1)).spec)

    assert (point["x"], point["shown_x"]) == (1794960000000.0, "2026-11-18")


def test_names_are_plain_text() -> None:
    rows = pa.table({"![x](y)\u202e": ["a\u202eb"], "v": [1]})

    drawn = draw(rows, Choice(kind="bar", x=0, y=1, color=0))

    (point,) = values(drawn.spec)
    assert (point["x"], point["series"]) == ("a\\u202eb", "a\\u202eb")
    assert drawn.spec is not None
    assert drawn.spec["encoding"]["x"]["title"] == "![x](y)\\u202e"


def test_nanoseconds_and_times_too_far_away_spoil_no_chart() -> None:
    moments = pa.array([1_795_003_200_000_000_001, None], pa.timestamp("ns"))
    (point,) = values(
        draw(pa.table({"t": moments, "n": [1, 2]}), Choice(kind="line", x=0, y=1)).spec
    )
    assert (point["x"], point["shown_x"]) == (1795003200000.0, "2026-11-18 12:00:00.000000001")

    far = pa.array([1_795_003_200_000_000, 2**63 - 1], pa.timestamp("us"))
    drawn = draw(pa.table({"t": far, "n": [1, 2]}), Choice(kind="line", x=0, y=1))
    assert [each["x"] for each in values(drawn.spec)] == [1795003200000.0]
    assert drawn.notes == ("1 rows without a value are left out",)
