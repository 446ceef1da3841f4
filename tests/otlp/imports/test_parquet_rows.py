"""Rows of Parquet files, as LangSmith's bulk export has them, say what JSON says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from llmtrace.otlp.imports.files import opened
from llmtrace.otlp.imports.parquet_rows import plain
from tests.otlp.imports.rows import row_of, tokens
from tests.otlp.imports.test_langsmith import RUN

if TYPE_CHECKING:
    from pathlib import Path

CELLS: dict[str, Any] = {
    **{name: json.dumps(v) if isinstance(v, dict) else v for name, v in RUN.items()},
    "start_time": datetime(2026, 11, 1, 10, tzinfo=UTC),
    "end_time": datetime(2026, 11, 1, 10, 0, 1, tzinfo=UTC),
    "total_cost": Decimal("0.000112"),
    "tags": ["a", "b"],
}


def write(path: Path, *rows: dict[str, Any]) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def test_a_row_says_what_the_same_run_says_as_json(tmp_path: Path) -> None:
    with opened(write(tmp_path / "runs.parquet", CELLS, CELLS)) as file:
        first, second = list(file.records)

    from_parquet, from_json = row_of("langsmith", first.value), row_of("langsmith", RUN)
    assert (file.kind, first.line, second.line) == ("parquet", 1, 2)
    assert tokens(from_parquet) == tokens(from_json)
    assert (from_parquet.start_time_us, from_parquet.duration_ns) == (
        from_json.start_time_us,
        from_json.duration_ns,
    )
    assert from_parquet.attributes["llmtrace.cost.stated_usd"] == "0.000112"


def test_a_damaged_file_is_told_not_raised(tmp_path: Path) -> None:
    path = write(tmp_path / "runs.parquet", CELLS)
    path.write_bytes(path.read_bytes()[:-20])

    with opened(path) as file:
        (only,) = list(file.records)

    assert only.problem == "not Parquet that can be read"


def test_values_become_those_of_json() -> None:
    identity = UUID(int=7)

    assert plain({"id": identity.bytes, "map": [("a", Decimal("1E-7"))], "list": [1, (2.5)]}) == {
        "id": str(identity),
        "map": {"a": "0.0000001"},
        "list": [1, 2.5],
    }
