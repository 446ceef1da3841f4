"""Calls without a message: not for ever, and not too many of them."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from llmtrace.collector.arrivals import Arrivals


def test_beyond_the_limit_the_longest_waiting_gives_way() -> None:
    arrivals = Arrivals(at_most=2)
    ended: list[str] = []
    with ExitStack() as stack:
        for name in ("first", "second", "third", "fourth"):
            stack.enter_context(arrivals.waiting(lambda name=name: ended.append(name)))

        assert ended == ["first", "second"]


def test_what_has_its_message_makes_room() -> None:
    arrivals = Arrivals(at_most=1)
    ended: list[str] = []

    for name in ("first", "second"):
        with arrivals.waiting(lambda name=name: ended.append(name)):
            pass

    assert ended == []


def test_what_is_late_is_ended_once_and_what_is_not_stays() -> None:
    now_s = 0.0
    arrivals = Arrivals(at_most=9, timeout_s=10, monotonic_s=lambda: now_s)
    ended: list[str] = []
    with arrivals.waiting(lambda: ended.append("old")):
        now_s = 5.0
        with arrivals.waiting(lambda: ended.append("young")):
            now_s = 10.0
            arrivals.end_late()
            arrivals.end_late()

            assert ended == ["old"]


def test_while_it_runs_nobody_has_to_ask() -> None:
    arrivals = Arrivals(at_most=9, timeout_s=0.05)
    ended = threading.Event()
    arrivals.start()
    with arrivals.waiting(ended.set):
        assert ended.wait(10)
    arrivals.stop()
