"""A chart's rows reach the browser whole, whichever of them have which values."""

from __future__ import annotations

import pyarrow as pa

from dashboards.components.chart import _as_arrow


def test_rows_are_columns_with_every_name_and_value() -> None:
    spec = {"mark": "bar", "data": {"values": [{"x": 1, "y": 0.5}, {"x": 2.5, "told": "late"}]}}

    found = _as_arrow(spec)

    assert found["mark"] == "bar"
    assert isinstance(found["data"], pa.Table)
    assert found["data"].to_pylist() == [
        {"x": 1.0, "y": 0.5, "told": None},
        {"x": 2.5, "y": None, "told": "late"},
    ]


def test_a_chart_without_rows_of_its_own_stays_as_it_is() -> None:
    for spec in ({"layer": []}, {"data": {"values": []}}, {"data": {"name": "elsewhere"}}):
        assert _as_arrow(spec) == spec
