"""DuckDB's memory: little by day, more for upkeep, and never so little that nothing is stored."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import duckdb
import pytest

from llmtrace.config import Settings
from llmtrace.errors import QueryError, StoreError, StoreUnreachableError
from llmtrace.spool import SegmentWriter
from llmtrace.store import Drained, Writer
from llmtrace.store._connection import UPKEEP_MB
from llmtrace.store.chunks import Reading
from llmtrace.store.drain import Drain
from llmtrace.store.memory_limit import RUSH_MB, SERVING_MB
from llmtrace.store.pricing import settings_pricer
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.store.writer import Transaction

_MIB_OF_MB = 1_000_000 / 1_048_576


def limit_mb(writer: Writer) -> int:
    """Return what DuckDB itself says, which is in MiB with one digit."""
    asked = "select current_setting('memory_limit') as \"limit\""
    (row,) = writer.transaction(lambda t: t.execute(asked)).to_pylist()
    number, unit = row["limit"].split()
    assert unit == "MiB"
    return round(float(number) / _MIB_OF_MB)


def take(mb: int) -> str:
    """Return a statement that holds so many megabytes."""
    numbers = "[random() for each in range(128)]"  # 1 KB that nothing makes shorter
    rows = f"select {numbers} as a from range({mb * 1_000})"  # noqa: S608
    return f"create temp table held as {rows}"


def test_a_file_is_opened_with_what_upkeep_needs(writer: Writer) -> None:
    assert limit_mb(writer) == UPKEEP_MB


def test_less_is_taken_afterwards_and_more_within_upkeep(writer: Writer) -> None:
    writer.limit_memory(SERVING_MB)
    assert limit_mb(writer) == SERVING_MB
    with writer.upkeep():
        assert limit_mb(writer) == UPKEEP_MB
        writer.limit_memory(RUSH_MB)
        with writer.upkeep():
            pass
        assert limit_mb(writer) == UPKEEP_MB
    assert limit_mb(writer) == RUSH_MB


def test_upkeep_that_fails_gives_back_too(writer: Writer) -> None:
    writer.limit_memory(SERVING_MB)
    with pytest.raises(ZeroDivisionError), writer.upkeep():
        raise ZeroDivisionError
    assert limit_mb(writer) == SERVING_MB


def test_an_exchanged_file_keeps_to_it(writer: Writer) -> None:
    writer.limit_memory(SERVING_MB)

    def copy(_: Transaction, made: Path) -> None:
        Writer(made).close()

    with writer.upkeep():
        writer.replace_file(copy)
        assert limit_mb(writer) == UPKEEP_MB
    assert limit_mb(writer) == SERVING_MB


def test_what_is_held_now_is_given_back_when_asked_again(writer: Writer) -> None:
    writer.transaction(lambda t: t.execute(take(400)))
    writer.limit_memory(RUSH_MB)  # DuckDB would say that it is; it is not
    assert not writer._memory.is_usually(RUSH_MB)
    writer.transaction(lambda t: t.execute("drop table temp.held"))
    writer.limit_memory(RUSH_MB)
    assert writer._memory.is_usually(RUSH_MB)
    assert limit_mb(writer) == RUSH_MB


def test_a_transaction_for_which_it_was_too_little_succeeds_the_next_time(writer: Writer) -> None:
    writer.limit_memory(RUSH_MB)
    with pytest.raises(StoreError):
        writer.transaction(lambda t: t.execute(take(300)))
    writer.limit_memory(RUSH_MB)  # as every run of the drain says
    writer.transaction(lambda t: t.execute(take(300)))
    assert limit_mb(writer) == UPKEEP_MB


CHECKPOINT_FAILED = duckdb.TransactionException(
    'TransactionContext Error: Failed to commit: Checkpoint failed for database "llmtrace". The '
    "database has been invalidated. Original error: could not allocate block of size 64.0 KiB"
)


def test_a_checkpoint_for_which_it_was_too_little_is_told_by_its_text(writer: Writer) -> None:
    def work(_: Transaction) -> None:
        raise CHECKPOINT_FAILED

    writer.limit_memory(RUSH_MB)
    with pytest.raises(StoreUnreachableError, match="too little memory"):
        writer.transaction(work)
    writer.limit_memory(RUSH_MB)  # as every run of the drain says
    writer.transaction(lambda t: t.execute("select 1"))  # opens the file anew
    assert limit_mb(writer) == UPKEEP_MB


def test_what_met_it_is_stored_by_the_next_run_and_is_no_dead_letter(
    tmp_path: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = SegmentWriter(tmp_path / "spool", now_ns=time.time_ns, pid=os.getpid())
    app.append(request(span(1), span(2)))
    app.close()
    drain = Drain(tmp_path, writer, Reading(settings_pricer(Settings(home=tmp_path))))

    def fails(*_: object) -> None:
        raise CHECKPOINT_FAILED

    with monkeypatch.context() as patch:
        patch.setattr("llmtrace.store.writer.in_transaction", fails)
        with pytest.raises(StoreUnreachableError):
            drain.run()

    assert drain.run() == Drained(stored=2)


@pytest.mark.parametrize(
    "statement", ["set memory_limit = '1TB'", "reset memory_limit", "set threads = 8"]
)
def test_nobody_else_sets_it(writer: Writer, statement: str) -> None:
    with pytest.raises(QueryError):
        writer.sql(statement)


@pytest.mark.parametrize("setting", ["threads = 8", "lock_configuration = false",
                                     "allowed_configs = ['threads']",
                                     "enable_external_access = true"])  # fmt: skip
def test_nothing_else_can_be_set_at_all(writer: Writer, setting: str) -> None:
    with pytest.raises(StoreError, match=r"lock|runn"):
        writer.transaction(lambda t: t.execute(f"set {setting}"))


@pytest.mark.parametrize(("has_help", "expected"), [(False, SERVING_MB), (True, RUSH_MB)])
def test_a_drain_keeps_to_less_while_a_process_helps(
    tmp_path: Path, writer: Writer, *, has_help: bool, expected: int
) -> None:
    class Helped(Reading):
        @property
        def has_help(self) -> bool:
            return has_help

    Drain(tmp_path, writer, Helped(settings_pricer(Settings(home=tmp_path)))).run()
    assert limit_mb(writer) == expected
