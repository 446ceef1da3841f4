"""Counts of ranges are remembered for seconds, and never across the deletion of spans."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.store import Writer, metric_plan
from llmtrace.store.metric_plan import Counted, CountHost
from llmtrace.store.metrics import MetricQuery, run_metrics
from llmtrace.store.range_counts import RangeCounts
from llmtrace.store.rollups import note_deleted_spans
from tests.store.calls import NOON, call, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

HOURS = (NOON - timedelta(hours=1), NOON + timedelta(hours=2))


class Host:
    """A store that remembers, as the collector's is."""

    def __init__(self, writer: Writer) -> None:
        self.where = "here"
        self.asked: list[str] = []
        self.now_s = 0.0
        self._writer = writer
        self._counts = RangeCounts(lambda: writer.upkeeps, clock=lambda: self.now_s)

    def sql(self, query: str, parameters: Sequence[object] = (), **more: Any) -> pa.Table:
        self.asked.append(query)
        return self._writer.sql(query, parameters, **more)

    def counted(self, hours: tuple[datetime, datetime]) -> Counted:
        return self._counts.of(self, hours)

    def refresh(self) -> None: ...

    def close(self) -> None: ...

    def times_counted(self) -> int:
        return self.asked.count(metric_plan._IN_RANGE)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with Writer(tmp_path / "x.duckdb") as opened:
        opened.insert([call(NOON + minutes(number)) for number in range(30)])
        yield opened


@pytest.fixture
def host(writer: Writer) -> Host:
    return Host(writer)


def test_a_host_is_one(host: Host) -> None:
    assert isinstance(host, CountHost)


def test_a_range_is_counted_once_in_ten_seconds(host: Host) -> None:
    for second in range(10):
        host.now_s = float(second)
        assert host.counted(HOURS).calls == 30
    assert host.times_counted() == 1
    host.now_s = 10.0
    host.counted(HOURS)
    assert host.times_counted() == 2


def test_each_range_has_its_own(host: Host) -> None:
    later = (HOURS[1], HOURS[1] + timedelta(hours=1))
    assert (host.counted(HOURS).calls, host.counted(later).calls) == (30, 0)
    assert host.counted(HOURS).calls == 30


def test_nothing_is_remembered_during_upkeep_nor_after_it(host: Host, writer: Writer) -> None:
    host.counted(HOURS)
    with writer.upkeep():
        host.counted(HOURS)
        host.counted(HOURS)
        assert host.times_counted() == 3
    host.counted(HOURS)
    host.counted(HOURS)
    assert host.times_counted() == 4


def test_it_remembers_no_more_than_some_hundred_ranges(host: Host) -> None:
    for number in range(1_200):
        host.counted((HOURS[0] - timedelta(hours=number), HOURS[1]))
    assert len(host._counts._found) <= 500


def test_an_answer_right_after_spans_were_deleted_is_whole(host: Host, writer: Writer) -> None:
    end = NOON + timedelta(hours=3)
    query = MetricQuery(measures=("requests", "cost"), start=NOON - timedelta(hours=1), end=end)
    before = run_metrics(host, query).to_pylist()
    with writer.upkeep():
        cut = NOON.replace(tzinfo=None, minute=0) + timedelta(hours=1)
        writer.transaction(lambda t: note_deleted_spans(t, cut))
        writer.transaction(lambda t: t.execute("delete from spans where start_time < ?", [cut]))
    assert run_metrics(host, query).to_pylist() == before
    assert before[0]["requests"] == 30
