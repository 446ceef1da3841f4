"""Frames are handed on in order, many at once, and each that is refused for good costs itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pytest

from llmtrace.spool import Positions, SegmentWriter, send_frames
from llmtrace.spool.sending import MAX_REQUEST_BYTES, position_note, read_position

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.spool import Frame


@dataclass
class Told:
    verdict: Literal["accepted", "later", "never"]


class Receiver:
    """Accepts what holds no ``bad``, until it has no ``patience`` left."""

    def __init__(self, patience: int = 100) -> None:
        self.patience = patience
        self.posts: list[list[bytes]] = []
        self.accepted: list[bytes] = []
        self.refused: list[bytes] = []

    def post(self, payloads: list[bytes]) -> Told:
        self.posts.append(payloads)
        self.patience -= 1
        if self.patience < 0:
            return Told("later")
        return Told("never" if any(b"bad" in payload for payload in payloads) else "accepted")

    def settled(self, frames: list[Frame], told: Told) -> None:
        target = self.accepted if told.verdict == "accepted" else self.refused
        target.extend(frame.payload for frame in frames)


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    writer = SegmentWriter(tmp_path, now_ns=lambda: 1, pid=1)
    for payload in (b"one", b"bad", b"three"):
        name = writer.append(payload).segment
    writer.close()
    return tmp_path / name


def test_frames_go_together_and_the_position_after_them_is_kept(segment: Path) -> None:
    writer_size = segment.stat().st_size
    receiver = Receiver()

    assert send_frames(segment, Positions(), receiver.post, receiver.settled)

    assert receiver.posts[0] == [b"one", b"bad", b"three"]
    assert read_position(segment) == writer_size
    assert send_frames(segment, Positions(), receiver.post, receiver.settled)
    assert len(receiver.posts) == 4


def test_only_the_frame_at_fault_is_lost(segment: Path) -> None:
    receiver = Receiver()

    send_frames(segment, Positions(), receiver.post, receiver.settled)

    assert receiver.accepted == [b"one", b"three"]
    assert receiver.refused == [b"bad"]


def test_what_could_not_go_now_goes_next_time_and_nothing_twice(segment: Path) -> None:
    receiver = Receiver(patience=2)

    assert not send_frames(segment, Positions(), receiver.post, receiver.settled)
    receiver.patience = 100
    assert send_frames(segment, Positions(), receiver.post, receiver.settled)

    assert receiver.accepted == [b"one", b"three"]
    assert receiver.refused == [b"bad"]


def test_nothing_more_is_sent_once_told_to_stop(segment: Path) -> None:
    receiver = Receiver()

    assert not send_frames(
        segment, Positions(), receiver.post, receiver.settled, should_stop=lambda: True
    )

    assert receiver.posts == []


def test_a_request_has_a_bounded_size(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, now_ns=lambda: 1, pid=1)
    names = {writer.append(b"x" * (MAX_REQUEST_BYTES // 2)).segment for _ in range(5)}
    writer.close()
    receiver = Receiver()

    send_frames(tmp_path / names.pop(), Positions(), receiver.post, receiver.settled)

    assert [len(post) for post in receiver.posts] == [1, 1, 1, 1, 1]


def test_a_disk_that_takes_no_note_does_not_make_frames_go_twice(segment: Path) -> None:
    position_note(segment).with_suffix(".pos.new").mkdir()
    receiver, positions = Receiver(), Positions()

    send_frames(segment, positions, receiver.post, receiver.settled)
    send_frames(segment, positions, receiver.post, receiver.settled)

    assert receiver.accepted == [b"one", b"three"]
    assert read_position(segment) == 0


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"12x"])
def test_a_note_that_cannot_be_read_means_the_beginning(segment: Path, content: bytes) -> None:
    position_note(segment).write_bytes(content)

    assert read_position(segment) == 0


def test_what_is_forgotten_has_no_note(segment: Path) -> None:
    positions = Positions()
    positions.settle(segment, 5)

    positions.forget(segment)

    assert not position_note(segment).exists()
    assert positions.of(segment) == 0
