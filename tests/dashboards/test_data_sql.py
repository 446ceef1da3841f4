"""An answer as files and cells: every digit, no formula, names that stay apart."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from dashboards import data_sql as sql

MONEY = Decimal("1234567.000000000012")
TABLE = pa.table(
    {
        "=name": pa.array(["=cmd()", None]),
        "cost": pa.array([MONEY, None], pa.decimal128(38, 12)),
        "at": pa.array([datetime(2026, 11, 18, 12, 30), None], pa.timestamp("us")),  # noqa: DTZ001  # as stored
        "tags": pa.array([[("a", "b")], []], pa.map_(pa.string(), pa.string())),
        "lasted": pa.array([pa.MonthDayNano([0, 1, 5]), None]),
        "flag": pa.array([True, None]),
    }
)


def test_csv_is_exact_and_harmless() -> None:
    lines = sql.as_csv(TABLE).decode().splitlines()

    assert lines[0] == "'=name,cost,at,tags,lasted,flag"
    assert lines[1].startswith("'=cmd(),1234567.000000000012,2026-11-18 12:30:00,")
    assert lines[1].endswith(",true")
    assert lines[2].startswith(",,,{},")


def test_json_is_exact() -> None:
    first, second = json.loads(sql.as_json(TABLE), parse_float=Decimal)

    assert (first["cost"], first["tags"], first["flag"]) == (MONEY, {"a": "b"}, True)
    assert (second["cost"], second["at"]) == (None, None)


def test_parquet_keeps_types_and_what_it_has_none_for_is_text() -> None:
    back = pq.read_table(io.BytesIO(sql.as_parquet(TABLE)))

    assert back.column("cost").to_pylist() == [MONEY, None]
    assert back.column("at").to_pylist() == TABLE.column("at").to_pylist()
    assert back.schema.field("lasted").type == pa.string()
    assert back.column("lasted").to_pylist()[1] is None


def test_columns_of_one_name_stay_apart_everywhere() -> None:
    rows = pa.table([pa.array([1]), pa.array([2])], names=["n", "n"])

    assert sql.cells(rows) == {"n": ["1"], "n_1": ["2"]}
    assert sql.as_csv(rows) == b"n,n_1\n1,2\n"
    assert pq.read_table(io.BytesIO(sql.as_parquet(rows))).column_names == ["n", "n_1"]


def test_long_names_that_begin_alike_stay_apart() -> None:
    rows = pa.table([pa.array([1]), pa.array([2])], names=["x" * 80 + "a", "x" * 80 + "b"])

    assert list(sql.cells(rows).values()) == [["1"], ["2"]]


def test_a_cell_is_cut_and_a_record_is_whole() -> None:
    rows = pa.table({"text": ["a" * 500 + "\u202eend"], "nothing": pa.array([None], pa.string())})

    assert len(sql.cells(rows)["text"][0]) == 200
    assert sql.record(rows, 0) == [("text", "a" * 500 + "\\u202eend"), ("nothing", "–")]


def test_numbers_are_figures_and_the_rest_is_not() -> None:
    assert sql.number_columns(TABLE) == {1}


def test_a_query_without_invisible_characters_has_none() -> None:
    assert sql.hidden_characters("select 1\n\tfrom t") is None
    assert sql.hidden_characters("a\u200bb") == "a\\u200bb"


def test_a_moment_with_a_zone_is_said_with_it() -> None:
    rows = pa.table({"at": pa.array([datetime(2026, 11, 18, 12, tzinfo=UTC)])})

    assert sql.cells(rows)["at"] == ["2026-11-18 12:00:00+00:00"]
