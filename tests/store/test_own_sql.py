"""Queries of ours run where the file is open; those of others, and too large ones, do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.errors import QueryError, QueryMemoryError
from llmtrace.otlp.rows import leave_unpriced
from llmtrace.store import Writer, open_store
from llmtrace.store.confined import ConfinedQueries
from llmtrace.store.own_sql import ask
from llmtrace.store.queries import store_counts
from llmtrace.store.restricted import RestrictedStore
from tests.store.calls import NOON, call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

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


def test_a_file_that_is_open_here_is_asked_as_it_is(tmp_path: Path) -> None:
    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        assert ask(writer, "select 1 as one").to_pylist() == [{"one": 1}]
        with pytest.raises(QueryMemoryError, match="more memory"):
            ask(writer, LARGE)
        with pytest.raises(QueryError, match="only reading"):
            ask(writer, "delete from spans")
