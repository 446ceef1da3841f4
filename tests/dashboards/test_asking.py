"""A question narrowed to part of its calls never widens what the filter bar chose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dashboards.asking import narrowed
from llmtrace.store import Writer
from llmtrace.store.metrics import MetricQuery, run_metrics
from tests.store.calls import NOON, call

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2026, 11, 18, tzinfo=UTC)


def test_both_filters_hold_and_none_is_a_value(tmp_path: Path) -> None:
    query = MetricQuery(
        measures=("requests",),
        start=START,
        end=START + timedelta(days=1),
        filters={"model": ("a", "b"), "user": ()},
    )

    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        writer.insert(
            [call(NOON, request_model=model, error_type=error)
             for model, error in (("a", None), ("a", "Timeout"), ("b", None), ("c", None))]
        )  # fmt: skip

        def count(**filters: tuple[str | None, ...]) -> int:
            (row,) = run_metrics(writer, narrowed(query, filters)).to_pylist()
            return row["requests"]

        assert count() == 3
        assert count(model=("a",)) == 2
        assert count(model=("a",), error_type=(None,)) == 1
        assert count(user=("ann",)) == 0
        assert count(model=("c",)) == 0
