"""What a query may take of the process that has the store: nothing, and of the machine: so much."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.errors import QueryError, QueryMemoryError, StoreError
from llmtrace.store import TRUNCATED_KEY, Writer
from llmtrace.store import confined as module
from llmtrace.store.adhoc import Cancellation
from llmtrace.store.confined import ConfinedQueries
from llmtrace.store.parameters import to_json
from tests.store.calls import call

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

ENDLESS = "select levenshtein(repeat('a', 400000), repeat('b', 400000))"
"""One call of one function, for minutes: DuckDB cannot interrupt it."""
NESTED = [f", a{n} as not materialized (from a{n - 1}, a{n - 1} as b)" for n in range(1, 30)]


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    with Writer(tmp_path_factory.mktemp("home") / "llmtrace.duckdb") as opened:
        opened.insert([call()])
        yield opened


@pytest.fixture(scope="module")
def confined(writer: Writer) -> Iterator[ConfinedQueries]:
    queries = ConfinedQueries(writer, memory_bytes=512 * 1024 * 1024)
    yield queries
    queries.close()


def ask(confined: ConfinedQueries, query: str, *parameters: object, **limits: Any) -> pa.Table:
    wanted = {"max_rows": 1000, "timeout_s": 20.0, "max_bytes": 1_000_000, **limits}
    return confined.sql(query, parameters, **wanted)


def rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def test_rows_come_from_what_is_committed(confined: ConfinedQueries, writer: Writer) -> None:
    question = "select count(*) as n from llm_calls where provider = ?"
    (before,) = ask(confined, question, "openai").to_pylist()
    writer.insert([call()])
    (after,) = ask(confined, question, "openai").to_pylist()

    assert after["n"] == before["n"] + 1


def test_limits_are_those_of_any_query(confined: ConfinedQueries) -> None:
    found = ask(confined, "select * from range(100)", max_rows=10)

    assert (found.num_rows, (found.schema.metadata or {})[TRUNCATED_KEY]) == (10, b"true")
    with pytest.raises(QueryError, match="more than 1000 bytes"):
        ask(confined, "select repeat('x', 100) from range(1000)", max_bytes=1000)
    with pytest.raises(QueryError, match="write a SELECT"):
        ask(confined, "drop table spans")
    with pytest.raises(QueryError, match="does not exist"):
        ask(confined, "select * from nowhere")


@pytest.mark.parametrize(
    "attack",
    [
        "select length(repeat('x', 2000000000))",
        "select len(range(500000000))",
        "select null::integer[100000][10000]",
    ],
)
def test_memory_that_no_limit_of_duckdb_s_sees_is_bounded(
    attack: str, confined: ConfinedQueries
) -> None:
    before = rss_bytes()

    with pytest.raises(QueryError, match=r"(?i)memory|alloc"):
        ask(confined, attack, timeout_s=60.0)

    assert rss_bytes() - before < 100 * 1024 * 1024


@pytest.mark.parametrize(
    "attack",
    [
        ENDLESS,
        # Thirty lines whose plan has a billion nodes.
        " ".join(["with a0 as not materialized (select 1 as x)", *NESTED, "from a29"]),
    ],
)
def test_time_in_which_duckdb_hears_nothing_is_bounded(
    attack: str, confined: ConfinedQueries
) -> None:
    began = time.monotonic()

    with pytest.raises(QueryError, match=r"longer than 0\.\d+ s and was stopped|memory"):
        ask(confined, attack, timeout_s=0.2)

    assert time.monotonic() - began < 15
    assert ask(confined, "select 1 as a").to_pylist() == [{"a": 1}]


def test_a_query_is_killed_when_it_is_cancelled(confined: ConfinedQueries, writer: Writer) -> None:
    cancellation, opened = Cancellation(), threading.Event()
    lent = writer.lent

    def told(open_it: Any) -> Any:
        opened.set()
        return lent(open_it)

    def cancel() -> None:
        opened.wait(20)
        cancellation.cancel()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "lent", told)
        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(QueryError, match="was cancelled"):
            ask(confined, ENDLESS, timeout_s=60, cancellation=cancellation)
        thread.join(20)


def test_a_query_waits_for_another_no_longer_than_its_own_time(confined: ConfinedQueries) -> None:
    stop = Cancellation()
    is_first_over: list[str] = []

    def first() -> None:
        with pytest.raises(QueryError) as caught:
            ask(confined, ENDLESS, timeout_s=60, cancellation=stop)
        is_first_over.append(str(caught.value))

    thread = threading.Thread(target=first)
    thread.start()
    while not confined._turn.locked():
        time.sleep(0.01)
    with pytest.raises(StoreError, match="try again later"):
        ask(confined, "select 1", timeout_s=0.1)
    stop.cancel()
    thread.join(20)

    assert is_first_over == ["the query was cancelled"]


def test_the_writer_goes_on_while_a_query_runs(confined: ConfinedQueries, writer: Writer) -> None:
    stop = Cancellation()

    def first() -> None:
        with pytest.raises(QueryError):
            ask(confined, ENDLESS, timeout_s=60, cancellation=stop)

    thread = threading.Thread(target=first)
    thread.start()
    while not confined._turn.locked():
        time.sleep(0.01)
    began = time.monotonic()
    for _ in range(10):
        assert writer.insert([call()]).stored == 1
    took = time.monotonic() - began
    stop.cancel()
    thread.join(20)

    assert took < 10


def test_after_the_end_no_process_is_left(writer: Writer) -> None:
    confined = ConfinedQueries(writer)
    ask(confined, "select 1")
    spare = confined._spare
    assert spare is not None
    assert spare._process.poll() is None

    confined.close()
    confined.close()

    assert spare._process.poll() is not None
    assert confined._spare is None


def test_a_query_of_some_seconds_is_answered(confined: ConfinedQueries) -> None:
    """After two seconds DuckDB would draw how far it is, into the pipe of the answer."""
    rows, took = 10_000_000, 0.0
    while took < 2.5:  # however fast the machine is
        rows *= 2
        began = time.monotonic()
        query = "select sum(range % 7) as total from range(?::bigint) where md5(range::varchar) > ?"
        found = ask(confined, query, rows, "0", timeout_s=300.0)
        took = time.monotonic() - began
        assert found.to_pylist() == [{"total": sum(range(7)) * (rows // 7) + sum(range(rows % 7))}]


def test_what_has_no_room_with_two_threads_is_tried_with_one(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_THREADS", 2)
    tried: list[object] = []
    ask_child = module._Child.ask

    def short_of_memory(child: Any, _: Writer, question: dict[str, object], *more: Any) -> pa.Table:
        tried.append(question["threads"])
        # Groups of a thousand characters: a process of its own says that it has no room for them.
        query = (
            "select count(*) as n "
            "from (select distinct lpad(x::varchar, 1000, '0') from range(?::bigint) as t (x))"
        )
        groups = [to_json(4_000_000 if question["threads"] == 2 else 10)]
        return ask_child(child, writer, question | {"query": query, "parameters": groups}, *more)

    monkeypatch.setattr(module._Child, "ask", short_of_memory)
    confined = ConfinedQueries(writer, memory_bytes=512 * 1024 * 1024)
    try:
        assert ask(confined, "select 1", timeout_s=60.0).to_pylist() == [{"n": 10}]
    finally:
        confined.close()

    assert tried == [2, 1]


def test_what_has_no_room_at_all_is_tried_twice_and_not_after_the_end(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_THREADS", 2)
    tried: list[object] = []
    confined = ConfinedQueries(writer)

    def short_of_memory(_self: Any, _: Writer, question: dict[str, object], *__: Any) -> pa.Table:
        tried.append(question["threads"])
        if len(tried) == 3:
            confined._is_closed = True  # as ``close``, which ends the running process
        raise QueryMemoryError("the query needed more memory")

    monkeypatch.setattr(module._Child, "ask", short_of_memory)

    with pytest.raises(QueryMemoryError):
        ask(confined, "select 1")
    assert tried == [2, 1]
    with pytest.raises(StoreError, match="stops"):
        ask(confined, "select 1")
    assert tried == [2, 1, 2]
    confined.close()


def test_what_has_no_time_for_another_try_is_told_of_its_memory(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_THREADS", 2)
    tried: list[object] = []

    def short_of_memory(_self: Any, _: Writer, question: dict[str, object], *__: Any) -> pa.Table:
        tried.append(question["threads"])
        time.sleep(0.4)
        raise QueryMemoryError("the query needed more memory")

    monkeypatch.setattr(module._Child, "ask", short_of_memory)
    confined = ConfinedQueries(writer)
    try:
        with pytest.raises(QueryMemoryError):
            ask(confined, "select 1", timeout_s=0.6)
    finally:
        confined.close()

    assert tried == [2]
