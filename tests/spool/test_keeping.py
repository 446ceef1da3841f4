"""Segments are kept before they are stored, once, and never at the cost of the storing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from llmtrace.spool import SegmentWriter, list_segments, read_frames
from llmtrace.spool.keeping import Keeper, activate, active_targets
from llmtrace.spool.sending import read_position

if TYPE_CHECKING:
    from pathlib import Path


def a_segment(home: Path, *payloads: bytes, created: int = 1) -> Path:
    writer = SegmentWriter(home / "spool", now_ns=lambda: created, pid=1)
    names = {writer.append(payload).segment for payload in payloads}
    writer.close()
    return home / "spool" / names.pop()


def keeper(home: Path) -> Keeper:
    return Keeper(home, [home / "spool"], weigh=len)


def no_links(*_: object) -> None:
    raise PermissionError


def test_without_a_target_nothing_is_kept(tmp_path: Path) -> None:
    segment = a_segment(tmp_path, b"one")
    kept = keeper(tmp_path)

    kept.keep(segment, applied=0)
    kept.release(segment)

    assert not (tmp_path / "forward").exists()


def test_a_segment_is_kept_for_each_target_and_outlives_its_removal(tmp_path: Path) -> None:
    activate(tmp_path, {"a": 100, "b": 100})
    segment = a_segment(tmp_path, b"one")

    keeper(tmp_path).keep(segment, applied=0)
    segment.unlink()

    for name in ("a", "b"):
        (found,) = list_segments(tmp_path / "forward" / name)
        assert [frame.payload for frame in read_frames(found).frames] == [b"one"]


def test_what_is_added_later_is_kept_too(tmp_path: Path) -> None:
    activate(tmp_path, {"a": 100})
    writer = SegmentWriter(tmp_path / "spool", now_ns=lambda: 1, pid=1)
    name = writer.append(b"one").segment
    keeper(tmp_path).keep(tmp_path / "spool" / name, applied=0)

    writer.append(b"two")
    writer.close()

    frames = read_frames(tmp_path / "forward" / "a" / name).frames
    assert [frame.payload for frame in frames] == [b"one", b"two"]


def test_what_was_stored_before_the_target_was_named_is_not_sent(tmp_path: Path) -> None:
    segment = a_segment(tmp_path, b"one", b"two")
    activate(tmp_path, {"a": 100})

    keeper(tmp_path).keep(segment, applied=19)
    keeper(tmp_path).keep(segment, applied=38)

    assert read_position(tmp_path / "forward" / "a" / segment.name) == 19


@pytest.mark.parametrize("applied", [0, 19])
def test_what_cannot_be_linked_is_copied_before_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, applied: int
) -> None:
    activate(tmp_path, {"a": 100})
    segment = a_segment(tmp_path, b"one", b"two")
    monkeypatch.setattr(os, "link", no_links)
    kept = keeper(tmp_path)

    kept.keep(segment, applied=applied)
    assert list_segments(tmp_path / "forward" / "a") == []
    kept.keep(segment, applied=38)
    kept.release(segment)
    segment.unlink()

    (found,) = list_segments(tmp_path / "forward" / "a")
    assert len(read_frames(found).frames) == 2
    assert read_position(found) == applied
    assert not kept.take_lost()


def test_what_cannot_be_kept_at_all_is_counted_and_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    activate(tmp_path, {"a": 100})
    segment = a_segment(tmp_path, b"one", b"three")
    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "forward" / "a" / f".{segment.name}.new").mkdir()
    kept = keeper(tmp_path)

    kept.keep(segment, applied=0)
    kept.release(segment)

    assert kept.take_lost() == {"a": 8}
    assert not kept.take_lost()
    assert "could not be kept for a" in caplog.text


def test_a_target_that_is_no_longer_named_gets_nothing_new_and_is_told(tmp_path: Path) -> None:
    activate(tmp_path, {"a": 100, "b": 100, "c": 100})
    keeper(tmp_path).keep(a_segment(tmp_path, b"one"), applied=0)
    for path in list_segments(tmp_path / "forward" / "c"):
        path.unlink()

    left = activate(tmp_path, {"b": 200})
    keeper(tmp_path).keep(a_segment(tmp_path, b"two", created=2), applied=0)

    assert left == [tmp_path / "forward" / "a"]
    assert active_targets(tmp_path) == {tmp_path / "forward" / "b": 200}
    assert len(list_segments(tmp_path / "forward" / "a")) == 1
    assert len(list_segments(tmp_path / "forward" / "b")) == 2


def test_where_nobody_sends_the_oldest_go_beyond_the_limit(tmp_path: Path) -> None:
    activate(tmp_path, {"a": 50})
    segments = [a_segment(tmp_path, b"x" * 20, created=number) for number in range(1, 4)]
    kept = keeper(tmp_path)
    for segment in segments:
        kept.keep(segment, applied=0)
        kept.release(segment)
        segment.unlink()

    kept.bound()

    assert [path.name for path in list_segments(tmp_path / "forward" / "a")] == [segments[2].name]
    assert kept.take_lost() == {"a": 40}
