"""Queries of ours run where the file is open; those of others, and too large ones, do not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.errors import QueryError, QueryMemoryError
from llmtrace.otlp.rows import leave_unpriced
from llmtrace.store import Writer, open_store
from llmtrace.store.confined import ConfinedQueries
from llmtrace.store.own_sql import ask, newest
from llmtrace.store.queries import store_counts
from llmtrace.store.restricted import RestrictedStore
from tests.store.calls import NOON, call

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

COUNT = "select count(*) as calls from llm_calls where provider = ?"
LARGE = "select len(list(range * 2)) as length from range(200000000)"


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        writer.insert([call(NOON, provider="openai", tenant=each) for each in ("a", "b")])
    settings = load_settings({}, home=tmp_path)
    with Collector(settings, port=0, pricer=leave_unpriced) as running:
        yield running


@pytest.fixture
def confined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the queries that ask for a process of their own."""
    asked: list[str] = []

    def note(_self: ConfinedQueries, query: str, *_: object, **_more: Any) -> pa.Table:
        asked.append(query)
        raise QueryError("asked elsewhere")

    monkeypatch.setattr(ConfinedQueries, "sql", note)
    return asked


@pytest.mark.usefixtures("collector")
def test_ours_needs_no_process_and_that_of_others_does(tmp_path: Path, confined: list[str]) -> None:
    store = open_store(tmp_path)

    assert ask(store, COUNT, ["openai"]).to_pylist() == [{"calls": 2}]
    assert store_counts(store) == {}
    assert confined == []
    with pytest.raises(QueryError, match="asked elsewhere"):
        store.sql(COUNT, ["openai"])
    assert confined == [COUNT]


@pytest.mark.usefixtures("collector")
def test_ours_sees_the_tenants_that_its_asker_may_see(tmp_path: Path, confined: list[str]) -> None:
    store = RestrictedStore(open_store(tmp_path), ["a"])

    assert ask(store, COUNT, ["openai"]).to_pylist() == [{"calls": 1}]
    with pytest.raises(QueryError, match="all tenants together"):
        ask(store, "select * from rollup_calls")
    assert confined == []


@pytest.mark.usefixtures("collector")
def test_ours_that_needs_too_much_memory_is_asked_elsewhere(
    tmp_path: Path, confined: list[str]
) -> None:
    with pytest.raises(QueryError, match="asked elsewhere"):
        ask(open_store(tmp_path), LARGE)

    assert confined == [LARGE]


@pytest.mark.usefixtures("collector")
def test_what_needed_too_much_memory_is_not_tried_here_again(
    tmp_path: Path, confined: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def too_large(_self: Writer, query: str, *_: object, **_more: Any) -> pa.Table:
        tried.append(query)
        raise QueryMemoryError("the query needs more memory than there is for it here")

    monkeypatch.setattr(Writer, "sql", too_large)
    for _ in range(2):
        with pytest.raises(QueryError, match="asked elsewhere"):
            ask(open_store(tmp_path), COUNT, ["openai"])

    assert tried == [COUNT]
    assert confined == [COUNT, COUNT]


def test_a_file_that_is_open_here_is_asked_as_it_is(tmp_path: Path) -> None:
    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        assert ask(writer, "select 1 as one").to_pylist() == [{"one": 1}]
        with pytest.raises(QueryMemoryError, match="more memory"):
            ask(writer, LARGE)
        with pytest.raises(QueryError, match="only reading"):
            ask(writer, "delete from spans")


@pytest.mark.parametrize(
    ("hours_ago", "looks"),
    [((0.2, 0.5), [1]), ((0.5, 3, 20), [1, 24]), ((2, 30, 700), [1, 24, 720])],
)
def test_the_newest_are_looked_for_at_the_end_first(
    hours_ago: Sequence[float], looks: list[int]
) -> None:
    begun = sorted((NOON - timedelta(hours=each) for each in hours_ago), reverse=True)
    asked: list[int] = []

    def find(start: datetime) -> pa.Table:
        asked.append(round((NOON - start) / timedelta(hours=1)))
        return pa.table({"at": [each for each in begun if each >= start][:2]})

    found = newest(find, NOON - timedelta(days=30), NOON, 2)

    assert found.column("at").to_pylist() == begun[:2]
    assert asked == looks


def test_a_short_range_is_looked_at_once() -> None:
    asked: list[datetime] = []

    def find(start: datetime) -> pa.Table:
        asked.append(start)
        return pa.table({"at": pa.array([], pa.timestamp("us"))})

    newest(find, NOON - timedelta(hours=2), NOON, 2)

    assert asked == [NOON - timedelta(hours=2)]
