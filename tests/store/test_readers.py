"""Readers: many inside, or nobody."""

from __future__ import annotations

import threading

import pytest

from llmtrace.errors import StoreError
from llmtrace.store.readers import Readers


def test_nobody_waits_for_those_inside_and_keeps_others_out() -> None:
    readers, order, is_inside, may_leave = Readers(), [], threading.Event(), threading.Event()

    def first() -> None:
        with readers.reading():
            is_inside.set()
            may_leave.wait(10)
            order.append("first left")

    def second() -> None:
        with readers.reading():
            order.append("second read")

    one = threading.Thread(target=first)
    one.start()
    is_inside.wait(10)
    threading.Timer(0.05, may_leave.set).start()
    with readers.nobody(timeout_s=10):
        two = threading.Thread(target=second)
        two.start()
        order.append("alone")
    one.join(10)
    two.join(10)

    assert order == ["first left", "alone", "second read"]


def test_who_stays_inside_too_long_is_reported_and_the_door_opens_again() -> None:
    readers = Readers()

    with readers.reading():
        with pytest.raises(StoreError, match="did not end within"), readers.nobody(timeout_s=0.01):
            pass
        with readers.reading():
            pass
