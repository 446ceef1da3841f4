"""Deadlines of queries: called when over, again until ended, never afterwards, one thread."""

from __future__ import annotations

import threading
import time

from llmtrace.store import deadlines


def _threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "llmtrace-deadlines"]


def test_what_takes_too_long_is_called_again_until_it_ends() -> None:
    calls: list[float] = []
    second = threading.Event()

    def call() -> None:
        calls.append(time.monotonic())
        if len(calls) == 2:
            second.set()

    began = time.monotonic()
    deadline = deadlines.start(0.1, call)
    assert second.wait(10)
    deadlines.end(deadline)
    told = len(calls)

    assert calls[0] - began >= 0.1
    assert deadline.is_over
    other = threading.Event()
    last = deadlines.start(0.0, other.set)  # the thread has looked at all of them by then
    assert other.wait(10)
    deadlines.end(last)
    assert len(calls) == told


def test_what_ends_in_time_is_never_called() -> None:
    calls: list[str] = []
    short = deadlines.start(0.06, lambda: calls.append("short"))
    deadlines.end(short)
    later = threading.Event()

    last = deadlines.start(0.2, later.set)
    assert later.wait(10)
    deadlines.end(last)

    assert not short.is_over
    assert calls == []


def test_one_thread_serves_all_and_survives_what_fails() -> None:
    def fail() -> None:
        raise ValueError("no")

    done = threading.Event()
    failing = deadlines.start(0.0, fail)
    well = deadlines.start(0.0, done.set)

    assert done.wait(10)
    assert len(_threads()) == 1
    for each in (failing, well):
        deadlines.end(each)
