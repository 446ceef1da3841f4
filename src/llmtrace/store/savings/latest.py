"""Where the latest calls of a range begin: so that whoever looks at those sorts no others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from llmtrace.store.metric_rows import calls, of_its_calls
from llmtrace.store.own_sql import ask

if TYPE_CHECKING:
    from llmtrace.store.metrics import MetricQuery
    from llmtrace.store.reading import Store


def of_latest(
    store: Store, query: MetricQuery, condition: str, *, limit: int, timeout_s: float
) -> MetricQuery:
    """Return ``query`` ungrouped, its range cut so that it has the latest ``limit`` calls at least.

    More only if several began at the very same moment. To sort the times alone of three million
    calls takes 30 MB; to sort their columns took 800. ``condition`` is SQL of ours that chooses
    among the calls.
    """
    parameters: list[object] = []
    plain = of_its_calls(query)
    rows = calls(plain, parameters)
    sql = f"""
        select min(start_time) as since from (
            select start_time from ({rows}) where {condition} order by start_time desc limit ?
        )
    """  # noqa: S608  # text of ours
    (row,) = ask(store, sql, [*parameters, limit], timeout_s=timeout_s).to_pylist()
    return plain if row["since"] is None else replace(plain, start=row["since"].replace(tzinfo=UTC))
