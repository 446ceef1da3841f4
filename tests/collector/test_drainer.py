"""The drain's thread: notices what is new, says when it cannot, and takes all before it ends."""

from __future__ import annotations

import os
import time
from itertools import count
from typing import TYPE_CHECKING, cast

import pytest

from llmtrace.collector.drainer import Drainer
from llmtrace.otlp.rows import leave_unpriced
from llmtrace.spool import SegmentWriter
from llmtrace.store import DATABASE_FILE, Drain, Drained, Writer
from llmtrace.store.chunks import Reading
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with Writer(tmp_path / DATABASE_FILE) as opened:
        yield opened


@pytest.fixture
def app(tmp_path: Path) -> SegmentWriter:
    clock = count(1)
    return SegmentWriter(tmp_path / "spool", now_ns=lambda: next(clock), pid=os.getpid())


def test_a_refresh_returns_when_all_there_was_is_stored(
    tmp_path: Path, writer: Writer, app: SegmentWriter
) -> None:
    drain = Drain(tmp_path, writer, Reading(leave_unpriced))
    drainer = Drainer(drain)
    drainer.start()
    for number in range(1, 30):
        app.append(request(span(number)))

        assert drainer.refresh(20)
        assert writer.sql("from spans").num_rows == number

    assert drain.ledger.stored == 29
    drainer.stop(10)


def test_stopping_takes_what_is_there(tmp_path: Path, writer: Writer, app: SegmentWriter) -> None:
    drainer = Drainer(Drain(tmp_path, writer, Reading(leave_unpriced)))
    drainer.start()
    app.append(request(span(1)))

    drainer.stop(10)

    assert not drainer.is_alive()
    assert writer.sql("from spans").num_rows == 1


def test_a_failure_is_told_and_ends_with_its_cause(
    tmp_path: Path, writer: Writer, app: SegmentWriter
) -> None:
    obstacle = tmp_path / "deadletter"
    obstacle.write_text("a file where the folder should be")
    app.append(b"poison")
    drain = Drain(tmp_path, writer, Reading(leave_unpriced))
    drainer = Drainer(drain)
    drainer.start()

    failed = not drainer.refresh(20)
    error = drainer.error
    obstacle.unlink()
    recovered = drainer.refresh(20)

    assert failed
    assert error is not None
    assert "cannot put aside" in error
    assert recovered
    assert drain.ledger.dead_letter_requests == 1
    drainer.stop(10)


def wait_until_stored(drain: Drain, count: int) -> None:
    deadline = time.monotonic() + 20
    while drain.ledger.stored < count and time.monotonic() < deadline:
        time.sleep(0.005)
    assert drain.ledger.stored == count


def test_what_comes_first_is_stored_at_once_and_what_follows_in_turns(
    tmp_path: Path, writer: Writer, app: SegmentWriter
) -> None:
    drain = Drain(tmp_path, writer, Reading(leave_unpriced))
    drainer = Drainer(drain, turn_s=3_600)
    drainer.start()
    app.append(request(span(1)))
    drainer.notify(100)
    wait_until_stored(drain, 1)

    for number in range(2, 8):
        app.append(request(span(number)))
        drainer.notify(100)
    time.sleep(0.4)  # longer than it takes to look at the spool
    assert drain.ledger.stored == 1

    drainer.notify(8 * 1024 * 1024)  # enough for a transaction is not left waiting
    wait_until_stored(drain, 7)
    drainer.stop(10)


def test_who_asks_does_not_wait_for_the_turn(
    tmp_path: Path, writer: Writer, app: SegmentWriter
) -> None:
    drain = Drain(tmp_path, writer, Reading(leave_unpriced))
    drainer = Drainer(drain, turn_s=3_600)
    drainer.start()
    for number in range(1, 4):
        app.append(request(span(number)))
        drainer.notify(100)

        assert drainer.refresh(20)
        assert drain.ledger.stored == number
    app.append(request(span(4)))
    drainer.stop(20)

    assert drain.ledger.stored == 4


def test_a_turn_ends_by_itself(tmp_path: Path, writer: Writer, app: SegmentWriter) -> None:
    drain = Drain(tmp_path, writer, Reading(leave_unpriced))
    drainer = Drainer(drain, turn_s=0.05)
    drainer.start()
    app.append(request(span(1)))
    assert drainer.refresh(20)
    app.append(request(span(2)))

    wait_until_stored(drain, 2)

    drainer.stop(10)


class Endless:
    """A drain for which there is always more; each run goes on as long as it may."""

    def __init__(self) -> None:
        self.drainer: Drainer | None = None
        self.passes: list[int] = []

    def run(self, *, should_stop: Callable[[], bool], goes_on: Callable[[], bool]) -> Drained:
        assert self.drainer is not None
        self.passes.append(0)
        while not should_stop():
            self.passes[-1] += 1
            self.drainer.notify(8 * 1024 * 1024)
            if not goes_on():
                break
            time.sleep(0.001)
        return Drained(stored=1)


def test_a_run_goes_on_while_more_comes_until_somebody_asks_or_it_is_long() -> None:
    endless = Endless()
    drainer = endless.drainer = Drainer(cast("Drain", endless), turn_s=3_600, longest_s=0.2)
    drainer.start()
    time.sleep(0.5)

    assert drainer.refresh(20)
    drainer.stop(20)

    assert max(endless.passes[:-1]) > 10  # in one run
    assert len(endless.passes) >= 4  # each of those ended by itself, or for who asked
    assert not drainer.is_alive()


def test_a_run_does_not_go_on_for_less_than_a_transaction() -> None:
    asked: list[bool] = []

    class Once:
        def run(self, *, should_stop: Callable[[], bool], goes_on: Callable[[], bool]) -> Drained:
            drainer.notify(1_000)
            asked.extend((goes_on(), should_stop()))
            return Drained()

    drainer = Drainer(cast("Drain", Once()))
    drainer.start()
    assert drainer.refresh(20)
    drainer.stop(20)

    assert not any(asked)


def test_a_drainer_that_was_not_started_can_be_stopped(tmp_path: Path, writer: Writer) -> None:
    drainer = Drainer(Drain(tmp_path, writer, Reading(leave_unpriced)))

    drainer.stop(1)

    assert not drainer.is_alive()
