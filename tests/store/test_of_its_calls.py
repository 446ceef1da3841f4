"""What looks at single calls counts each once, however a question would group them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.errors import QueryError
from llmtrace.store import Writer
from llmtrace.store.behind import calls_behind
from llmtrace.store.context_lengths import context_lengths
from llmtrace.store.cost_steps import cost_distribution
from llmtrace.store.metric_rows import of_its_calls
from llmtrace.store.metrics import MetricQuery, Windows
from llmtrace.store.savings.groups import call_groups
from llmtrace.store.savings.latest import of_latest
from tests.store.calls import NOON, call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = MetricQuery(
    measures=("requests",), start=NOON - timedelta(days=1), end=NOON + timedelta(days=1)
)
GROUPED = (
    DAY,
    replace(DAY, by=("model", "tag.team"), grain="hour", limit=1, order_by=("-requests",)),
    replace(DAY, by=("user",), top=1),
    replace(DAY, windows=Windows(length_s=3_600, every_s=60)),  # a call is in sixty of them
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    path: Path = tmp_path_factory.mktemp("calls") / "llmtrace.duckdb"
    with Writer(path) as writer:
        writer.insert([call(user_id=user) for user in ("ann", "ann", "bob")])
        yield writer


@pytest.mark.parametrize("query", GROUPED)
def test_each_call_counts_once(query: MetricQuery, store: Writer) -> None:
    def calls(rows: list[dict[str, Any]]) -> int:
        return sum(row["calls"] for row in rows)

    assert calls(context_lengths(store, query).to_pylist()) == 3
    assert calls(cost_distribution(store, query).to_pylist()) == 3
    assert calls_behind(store, query, "costliest").num_rows == 3
    assert sum(each.calls for each in call_groups(store, query, [])) == 3
    latest = of_latest(store, query, "true", limit=2, timeout_s=10.0)
    assert (latest.start, latest.windows, latest.limit) == (NOON, None, None)


def test_what_is_no_dimension_and_no_range_is_told() -> None:
    with pytest.raises(QueryError, match="modell"):
        of_its_calls(replace(DAY, filters={"modell": ("small",)}))
    with pytest.raises(QueryError, match="empty"):
        of_its_calls(replace(DAY, end=DAY.start))
