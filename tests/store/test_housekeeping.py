"""What a store needs once in a while is done when it is due, and never in the way of storing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from llmtrace.clock import FixedClock
from llmtrace.errors import StoreUnreachableError
from llmtrace.store import Writer, housekeeping
from llmtrace.store.housekeeping import Housekeeping
from tests.store.calls import NOON, call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmtrace.store.writer import Transaction

DAY = timedelta(days=1)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with Writer(tmp_path / "llmtrace.duckdb", clock=FixedClock(NOON - 2 * DAY)) as opened:
        yield opened


def batches(writer: Writer) -> int:
    (row,) = writer.sql("select count(*) as n from _batches").to_pylist()
    return row["n"]


def rolled_days(writer: Writer) -> int:
    (row,) = writer.transaction(
        lambda transaction: transaction.execute("select count(*) as n from rollup_user_days")
    ).to_pylist()
    return row["n"]


def test_hashes_that_no_client_sends_again_go_every_hour(writer: Writer) -> None:
    passed = [100.0]
    house = Housekeeping(writer, FixedClock(NOON), passed_s=lambda: passed[0])
    writer.insert([], batch_hashes=[bytes(16)])

    house.do_what_is_due()
    assert batches(writer) == 0
    writer.insert([], batch_hashes=[bytes(16)])
    house.do_what_is_due()
    assert batches(writer) == 1
    passed[0] += 3_600
    house.do_what_is_due()

    assert batches(writer) == 0


def test_days_by_user_are_added_one_piece_a_second_until_there_are_no_more(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmtrace.store.user_days._CALLS_AT_ONCE", 3)
    passed = [0.0]
    house = Housekeeping(writer, FixedClock(NOON), passed_s=lambda: passed[0])
    for number in (1, 2, 3):
        writer.insert([call(NOON - number * DAY, user_id="ann") for _ in range(3)])

    found: list[int] = []
    for _ in range(4):
        house.do_what_is_due()
        house.do_what_is_due()
        found.append(rolled_days(writer))
        passed[0] += 1

    assert found == [1, 2, 3, 3]


def test_what_fails_is_put_off_and_said(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []

    def full(_: Transaction, __: object) -> bool:
        asked.append(1)
        raise StoreUnreachableError("cannot write to the store: no space left")

    monkeypatch.setattr(housekeeping, "add_next_days", full)
    passed = [0.0]
    house = Housekeeping(writer, FixedClock(NOON), passed_s=lambda: passed[0])

    for seconds in (0, 60, 539, 1):
        passed[0] += seconds
        house.do_what_is_due()

    assert len(asked) == 2
    assert "upkeep of the store is put off: cannot write to the store" in caplog.text
