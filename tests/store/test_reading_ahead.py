"""Frames read ahead: in order, with their own errors, bounded, and no thread is left."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from llmtrace.spool import Frame
from llmtrace.store.reading_ahead import reading_ahead


def frames(count: int, size: int = 1) -> list[Frame]:
    return [Frame(payload=bytes([number]) * size, end=number) for number in range(count)]


def size_of(frame: Frame) -> int:
    return len(frame.payload)


def test_frames_come_in_order_each_with_what_was_read_of_it() -> None:
    with closing(reading_ahead(frames(20), lambda frame: frame.payload[0], size_of)) as contents:
        found = [(frame.end, content.result()) for frame, content in contents]

    assert found == [(number, number) for number in range(20)]


def test_an_error_belongs_to_its_frame_alone() -> None:
    with closing(
        reading_ahead(frames(3), lambda frame: 1 // frame.payload[0], size_of)
    ) as contents:
        _, first = next(contents)
        with pytest.raises(ZeroDivisionError):
            first.result()
        rest = [content.result() for _, content in contents]

    assert rest == [1, 0]


def test_two_are_read_at_once() -> None:
    meeting = threading.Barrier(2)

    with closing(reading_ahead(frames(6), lambda _: meeting.wait(20), size_of)) as contents:
        met = [content.result() for _, content in contents]

    assert sorted(met) == [0, 0, 0, 1, 1, 1]


def test_no_more_is_read_ahead_than_fits() -> None:
    read: list[int] = []
    megabytes = frames(60, size=1024 * 1024)

    with closing(
        reading_ahead(megabytes, lambda frame: read.append(frame.end), size_of)
    ) as contents:
        _, first = next(contents)
        first.result()

    assert len(read) <= 18


def test_a_consumer_that_gives_up_leaves_no_thread() -> None:
    with closing(reading_ahead(frames(50), lambda frame: frame.end, size_of)) as contents:
        next(contents)

    assert not [each for each in threading.enumerate() if each.name.startswith("llmtrace-read")]
