"""Rows as JSON lose nothing that a reader could round away."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa

from llmtrace.store.table_json import table_json


def test_every_kind_of_value_has_an_exact_form() -> None:
    table = pa.table(
        {
            "money": pa.array([Decimal("0.000000000001")], pa.decimal128(18, 12)),
            "id": pa.array([2**63 + 1], pa.uint64()),
            "small": pa.array([7], pa.int64()),
            "nan": pa.array([float("nan")]),
            "at": pa.array([datetime(2026, 1, 2, 3)], pa.timestamp("us")),  # noqa: DTZ001  # as the store has them
            "zoned": pa.array([datetime(2026, 1, 2, 3, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            "day": pa.array([date(2026, 1, 2)]),
            "raw": pa.array([b"\x00\xff"]),
            "tags": pa.array([[("a", "b")]], pa.map_(pa.string(), pa.string())),
            "none": pa.array([None], pa.string()),
        }
    )

    told = json.loads(json.dumps(table_json(table), allow_nan=False))

    assert told["rows"] == [
        [
            "0.000000000001",
            "9223372036854775809",
            7,
            "nan",
            "2026-01-02T03:00:00Z",
            "2026-01-02T03:00:00+00:00",
            "2026-01-02",
            "00ff",
            [["a", "b"]],
            None,
        ]
    ]
