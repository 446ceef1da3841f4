"""What a chart and a table show reaches the browser whole, whichever rows have which values."""

from __future__ import annotations

import pyarrow as pa

from dashboards.components.arrow import as_table, with_table


def test_rows_are_columns_with_every_name_and_value() -> None:
    spec = {"mark": "bar", "data": {"values": [{"x": 1, "y": 0.5}, {"x": 2.5, "told": "late"}]}}

    found = with_table(spec)

    assert found["mark"] == "bar"
    assert isinstance(found["data"], pa.Table)
    assert found["data"].to_pylist() == [
        {"x": 1.0, "y": 0.5, "told": None},
        {"x": 2.5, "y": None, "told": "late"},
    ]


def test_a_chart_without_rows_of_its_own_stays_as_it_is() -> None:
    for spec in ({"layer": []}, {"data": {"values": []}}, {"data": {"name": "elsewhere"}}):
        assert with_table(spec) == spec


def test_columns_keep_their_kind_without_a_value_too() -> None:
    found = as_table({"User": ["ann", ""], "Share": [None, None], "Calls": [1, 2]})

    assert [str(field.type) for field in found.schema] == ["string", "double", "int64"]
    assert found.to_pylist()[0] == {"User": "ann", "Share": None, "Calls": 1}
