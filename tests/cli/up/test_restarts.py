"""When a child is started again: with growing waits, and not for ever."""

from __future__ import annotations

from llmtrace.cli.up.restarts import Restarts


def test_a_child_that_keeps_ending_waits_longer_each_time_and_is_given_up() -> None:
    restarts = Restarts(delays_s=(1.0, 2.0, 4.0))
    waits: list[float | None] = []
    for _ in range(4):
        restarts, delay_s = restarts.after(lived_s=0.1, code=1)
        waits.append(delay_s)

    assert waits == [1.0, 2.0, 4.0, None]


def test_a_child_that_lived_long_begins_anew() -> None:
    restarts = Restarts(delays_s=(1.0, 2.0), failures=2)

    assert restarts.after(lived_s=61, code=-9)[1] == 1.0


def test_wrong_usage_is_not_tried_again() -> None:
    assert Restarts().after(lived_s=0.1, code=2)[1] is None


def test_an_end_without_an_error_is_an_end_too() -> None:
    assert Restarts().after(lived_s=0.1, code=0)[1] == 0.5


def test_there_is_always_a_wait() -> None:
    assert min(Restarts().delays_s) > 0.1
