"""A console's query: rows with and without a collector, in a process of its own; cancelled."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.errors import StoreError
from llmtrace.store import DATABASE_FILE, Writer, open_store
from llmtrace.store.console import Answer, ConsoleQuery
from tests.store.calls import call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmtrace.store import HomeStore

ENDLESS = "select levenshtein(repeat('a', 400000), repeat('b', 400000))"
"""One call of one function, for minutes: DuckDB cannot interrupt it."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeStore]:
    """Give the store of a running collector, with two calls."""
    home = tmp_path_factory.mktemp("home")
    fill(home)
    with Collector(load_settings({}, home=home), port=0), open_store(home) as opened:
        yield opened


def fill(home: Path) -> None:
    with Writer(home / DATABASE_FILE) as writer:
        writer.insert([call(), call()])


def ran(store: HomeStore, text: str, **limits: Any) -> Answer:
    query = ConsoleQuery(store, text, **{"max_rows": 100, "timeout_s": 20.0, **limits})
    query.start()
    answer = query.wait(40)
    assert answer is not None
    return answer


def rows(answer: Answer) -> list[dict[str, Any]]:
    assert answer.table is not None, answer.error
    return answer.table.to_pylist()


def test_rows_time_and_cap_are_told_and_noted(store: HomeStore) -> None:
    outcome: dict[str, object] = {}

    @contextmanager
    def noting() -> Iterator[dict[str, object]]:
        yield outcome

    answer = ran(store, "select count(*) as n from llm_calls, range(3) group by range",
                 max_rows=2, noted=noting)  # fmt: skip

    assert rows(answer) == [{"n": 2}, {"n": 2}]
    assert (answer.error, answer.is_capped, outcome) == (None, True, {"rows": 2})
    assert 0 < answer.seconds < 40


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("delete from spans", "only reading is allowed, this is DELETE"),
        ("select 1; select 2", "2 statements were given"),
        ("from read_text('/etc/passwd')", "read_text is not allowed"),
        ("", "the query is empty"),
    ],
)
def test_what_the_gate_refuses_is_told_as_text(store: HomeStore, text: str, told: str) -> None:
    answer = ran(store, text)

    assert answer.table is None
    assert told in (answer.error or "")


def test_a_running_query_ends_when_it_is_cancelled_and_the_next_one_runs(store: HomeStore) -> None:
    first = ConsoleQuery(store, ENDLESS, max_rows=10, timeout_s=120)
    first.start()
    assert first.wait(1.0) is None
    began = time.monotonic()

    first.cancel()
    ended = first.wait(20)
    second = ran(store, "select 1 as n")

    assert ended is not None
    assert ended.error == "the query was cancelled"
    assert rows(second) == [{"n": 1}]
    assert time.monotonic() - began < 30


def test_a_query_that_takes_too_long_ends_by_itself(store: HomeStore) -> None:
    answer = ran(store, "select count(*) from range(100000000000)", timeout_s=0.5)

    assert "ran longer than 0." in (answer.error or "")


def test_without_a_collector_it_runs_in_a_process_of_its_own_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    monkeypatch.setattr(Writer, "sql", None)  # what would run it in this process

    answer = ran(open_store(tmp_path), "select count(*) as n from llm_calls")

    assert rows(answer) == [{"n": 2}]


def test_what_cannot_be_audited_gives_no_rows(store: HomeStore) -> None:
    @contextmanager
    def failing() -> Iterator[dict[str, object]]:
        yield {}
        raise StoreError("the audit cannot be written")

    answer = ran(store, "select 1", noted=failing)

    assert (answer.table, answer.error) == (None, "the audit cannot be written")
