"""The process that helps reading: it reads what is read here, comes when it pays, may be killed."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from llmtrace.config import Settings
from llmtrace.otlp.redacting import RowRedactor
from llmtrace.store.chunks import Reading
from llmtrace.store.pricing import settings_pricer
from llmtrace.store.reader_process import ReaderProcess
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from llmtrace.store.chunks import ReadChunk

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SECRET = "sk-proj-" + "a1B2" * 12
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1_000,
    "gen_ai.usage.output_tokens": 10,
    "gen_ai.input.messages": f'[{{"role": "user", "content": "my key is {SECRET}"}}]',
}
PAYLOADS = [
    request(span(1, CALL), span(2, {"odd": [1, None]}), scope="another"),
    b"\xff not a request",
    request(span(3, {**CALL, "gen_ai.usage.input_tokens": -1}), scope="another"),
]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ReaderProcess]:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    settings = Settings(home=tmp_path)
    reading = Reading(settings_pricer(settings), RowRedactor())
    process = ReaderProcess(settings, reading, lag_bytes=1_000, clock=clock)
    yield process
    process.close()


def fall_behind(reader: ReaderProcess, clock: Clock) -> None:
    """Let more wait for longer than is usual."""
    reader.waiting(2_000)
    clock.now += 3
    reader.waiting(2_000)


def until_helped(reader: ReaderProcess, clock: Clock) -> int:
    """Wait until another process reads, and return its pid."""
    fall_behind(reader, clock)
    child = reader._child  # what is looked for
    assert child is not None
    deadline = time.monotonic() + 60
    while not child.is_ready() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert child.is_ready()
    return child._process.pid  # to kill it


def shown(chunk: ReadChunk) -> object:
    tables = chunk.batch.tables
    return chunk.frames, chunk.batch.twins_us, chunk.batch.has_foreign_calls, [
        getattr(tables, name).to_pylist()
        for name in ("spans", "payloads", "events", "links", "resources")
    ]  # fmt: skip


def test_what_keeps_up_starts_no_process_however_much_it_is(
    reader: ReaderProcess, clock: Clock
) -> None:
    for _ in range(20):
        reader.waiting(1_000)
        reader.read([b"x" * 1_000], NOW)
        clock.now += 1

    assert reader._child is None


def test_a_lag_that_is_caught_up_with_starts_no_process(
    reader: ReaderProcess, clock: Clock
) -> None:
    for _ in range(5):
        reader.waiting(50_000)
        clock.now += 1
        reader.waiting(50_000)
        reader.waiting(500)
        clock.now += 10

    assert reader._child is None


def test_with_one_processor_all_is_read_here(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    settings = Settings(home=tmp_path)
    reader = ReaderProcess(settings, Reading(settings_pricer(settings)), lag_bytes=1, clock=clock)

    fall_behind(reader, clock)

    assert reader._child is None
    assert reader.read(PAYLOADS, NOW).batch.spans == 3


def test_another_process_reads_what_is_read_here_and_takes_over_after_its_end(
    reader: ReaderProcess, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    here = shown(reader.read(PAYLOADS, NOW))
    pid = until_helped(reader, clock)

    there = shown(reader.read(PAYLOADS, NOW))

    assert there == here
    assert SECRET not in str(there)
    assert "'cost_source': 'list'" in str(there)

    os.kill(pid, signal.SIGKILL)
    assert shown(reader.read(PAYLOADS, NOW)) == here
    assert "they are read without it" in caplog.text
    fall_behind(reader, clock)
    assert reader._child is None  # not again so soon


def ask_both(reader: ReaderProcess, pool: ThreadPoolExecutor) -> list[Future[ReadChunk]]:
    """Ask the process, which does not answer, for as much as it takes at once."""
    child = reader._child
    assert child is not None
    wanted = child._sent + 2
    asked = [pool.submit(reader.read, PAYLOADS[:number], NOW) for number in (1, 2)]
    deadline = time.monotonic() + 20
    while child._sent < wanted and time.monotonic() < deadline:
        time.sleep(0.005)
    assert child._sent == wanted
    return asked


def test_what_comes_while_it_is_busy_is_read_here(reader: ReaderProcess, clock: Clock) -> None:
    pid = until_helped(reader, clock)
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(2) as others:
        waiting = ask_both(reader, others)

        here = shown(reader.read(PAYLOADS[:1], NOW))
        are_busy = [not each.done() for each in waiting]
        os.kill(pid, signal.SIGCONT)
        there = [each.result(60) for each in waiting]

    assert are_busy == [True, True]
    assert shown(there[0]) == here
    assert [chunk.batch.spans for chunk in there] == [
        reader._reading.read(PAYLOADS[:number], NOW).batch.spans for number in (1, 2)
    ]


def test_what_waits_for_its_turn_does_not_count_as_reading(
    reader: ReaderProcess, clock: Clock
) -> None:
    pid = until_helped(reader, clock)
    child = reader._child
    assert child is not None
    child.busy_s = 0.0
    os.kill(pid, signal.SIGSTOP)
    looked = clock.looks
    with ThreadPoolExecutor(2) as others:
        waiting = ask_both(reader, others)
        deadline = time.monotonic() + 20
        while clock.looks == looked and time.monotonic() < deadline:
            time.sleep(0.005)  # the first one's turn begins
        clock.now += 10
        os.kill(pid, signal.SIGCONT)
        for each in waiting:
            each.result(60)

    assert child.busy_s == 10.0


def test_whatever_it_was_asked_when_it_died_is_read_here(
    reader: ReaderProcess, clock: Clock
) -> None:
    pid = until_helped(reader, clock)
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(2) as others:
        waiting = ask_both(reader, others)
        os.kill(pid, signal.SIGKILL)
        there = [shown(each.result(60)) for each in waiting]

    assert there == [shown(reader.read(PAYLOADS[:number], NOW)) for number in (1, 2)]
    assert reader._child is None


def test_without_it_two_threads_take_turns(tmp_path: Path) -> None:
    at_once: list[int] = []
    inside = 0

    class Watched(Reading):
        def read(self, payloads: Sequence[bytes], now: datetime) -> ReadChunk:
            nonlocal inside
            inside += 1
            at_once.append(inside)
            time.sleep(0.02)
            inside -= 1
            return super().read(payloads, now)

    settings = Settings(home=tmp_path)
    reader = ReaderProcess(settings, Watched(settings_pricer(settings)))
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(reader.read, PAYLOADS, NOW) for _ in range(6)]

    assert [each.result().batch.spans for each in found] == [3] * 6
    assert at_once == [1] * 6


def test_it_ends_when_it_had_little_to_do_for_a_minute(reader: ReaderProcess, clock: Clock) -> None:
    until_helped(reader, clock)
    child = reader._child
    assert child is not None
    child.busy_s = 40.0  # as if it had read for so long
    clock.now += 61
    reader.rest()
    assert reader._child is child

    clock.now += 59
    reader.rest()
    assert reader._child is child
    clock.now += 2
    reader.rest()

    assert reader._child is None
    assert child._process.returncode is not None
