"""Every value that SQL can return has a form in Python and JSON, or an error that says which not.

Without pandas, which would make other values of the same: as in the collector.
"""

from __future__ import annotations

import json
from datetime import date, datetime, time
from typing import TYPE_CHECKING

import duckdb
import pytest

from llmtrace.errors import QueryError
from llmtrace.store.python_values import python_columns
from llmtrace.store.row_text import records_of
from llmtrace.store.table_json import table_json

if TYPE_CHECKING:
    import pyarrow as pa

NS = "make_timestamp_ns(1001)"
NS_SAID = "1970-01-01 00:00:00.000001001"


def of(expression: str) -> pa.Table:
    with duckdb.connect() as connection:
        return connection.execute(f"select {expression} as v").to_arrow_table()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (
            "timestamp '2026-11-22 10:00:00.000001'",
            datetime.fromisoformat("2026-11-22 10:00:00.000001"),
        ),
        (
            "timestamp '9999-12-31 23:59:59.999999'",
            datetime.fromisoformat("9999-12-31 23:59:59.999999"),
        ),
        ("timestamp '0001-01-01 00:00:00'", datetime.fromisoformat("0001-01-01 00:00:00")),
        ("timestamp '10000-01-01 00:00:00'", "10000-01-01 00:00:00.000000"),
        ("timestamp '0001-12-31 (BC) 23:59:59'", "0000-12-31 23:59:59.000000"),
        ("'infinity'::timestamp", "infinity"),
        ("'-infinity'::timestamp", "-infinity"),
        ("timestamp_s '10000-01-01 00:00:00'", "10000-01-01 00:00:00"),
        (
            "timestamp_ms '9999-12-31 23:59:59.999'",
            datetime.fromisoformat("9999-12-31 23:59:59.999"),
        ),
        ("date '9999-12-31'", date.max),
        ("date '10000-01-01'", "10000-01-01"),
        ("date '0001-01-01'", date.min),
        ("'infinity'::date", "infinity"),
        ("'-infinity'::date", "-infinity"),
        ("time '23:59:59.999999'", time.max),
        ("time '24:00:00'", "24:00:00"),
        ("null::timestamp", None),
        ("null::timestamp_ns", None),
        (NS, NS_SAID),
        ("time_ns '10:00:00.123456789'", "10:00:00.123456789"),
        (f"[{NS}, null]", [NS_SAID, None]),
        (f"{{'at': {NS}, 'n': 1}}", {"at": NS_SAID, "n": 1}),
        (f"array_value({NS})", [NS_SAID]),
        (f"map {{'k': {NS}}}", [("k", NS_SAID)]),
        ("[timestamp '10000-01-01 00:00:00']", ["10000-01-01 00:00:00.000000"]),
        ("{'at': date '2026-11-22'}", {"at": date(2026, 11, 22)}),
        ("[timestamptz '10000-01-01 00:00:00+00']", ["10000-01-01 00:00:00.000000"]),
        ("[timestamptz '40000-01-01 00:00:00+00']", ["<value out of range: 1200110860800000000>"]),
        ("'ann'", "ann"),
    ],
)
def test_each_has_a_value_or_is_text(expression: str, value: object) -> None:
    rows = of(expression)

    assert python_columns(rows) == [[value]]
    (row,) = records_of(rows)
    assert row["v"] == (dict(value) if "map" in expression else value)  # type: ignore[call-overload]
    assert json.loads(json.dumps(table_json(rows)))["columns"][0]["type"] == str(
        rows.schema.field(0).type
    )


def test_times_beside_one_that_is_too_far_stay_times() -> None:
    with duckdb.connect() as connection:
        rows = connection.execute(
            "from (values (timestamptz '2026-11-22 10:00:00+00'), ('infinity'), (null)) as t(v)"
        ).to_arrow_table()

    (found,) = python_columns(rows)

    assert [str(value) for value in found] == ["2026-11-22 10:00:00+00:00", "infinity", "None"]


def test_what_has_no_text_is_named() -> None:
    with pytest.raises(QueryError, match=r"column 'v' \(sparse_union.*cast it to varchar"):
        python_columns(of(f"union_value(at := {NS})"))
