"""What waits for a target is known, bounded, and goes only when the store is done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmtrace.spool import SegmentWriter, list_segments
from llmtrace.spool.keeping import Keeper, activate
from llmtrace.spool.kept import Kept

if TYPE_CHECKING:
    from pathlib import Path

FRAME = 16 + 20


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with three segments of two frames each, kept for ``a``."""
    activate(tmp_path, {"a": 100})
    keeper = Keeper(tmp_path, [tmp_path / "wal"], weigh=len)
    for number in (1, 2, 3):
        writer = SegmentWriter(tmp_path / "wal", now_ns=lambda at=number: at, pid=1)
        for _ in range(2):
            name = writer.append(b"x" * 20).segment
            keeper.keep(tmp_path / "wal" / name, applied=0)
        writer.close()
    return tmp_path


@pytest.fixture
def kept(home: Path) -> Kept:
    return Kept(home / "forward" / "a", [home / "wal"])


def stored(home: Path) -> None:
    """Let the store be done with every segment."""
    for path in list_segments(home / "wal"):
        path.unlink()


def test_what_is_not_settled_waits_oldest_first(kept: Kept, home: Path) -> None:
    segments = list_segments(home / "forward" / "a")
    kept.positions.settle(segments[0], 2 * FRAME)
    kept.positions.settle(segments[1], FRAME)

    assert kept.waiting() == [(segments[1], FRAME), (segments[2], 2 * FRAME)]
    assert kept.waiting_bytes() == 3 * FRAME
    assert kept.oldest_ns() == 2


def test_the_oldest_are_given_up_and_only_what_was_not_sent_counts(kept: Kept, home: Path) -> None:
    segments = list_segments(home / "forward" / "a")
    kept.positions.settle(segments[0], FRAME)

    assert kept.shed(2 * FRAME, len) == 3 * 20

    assert kept.waiting() == [(segments[2], 2 * FRAME)]
    assert kept.shed(2 * FRAME, len) == 0


def test_what_the_store_still_reads_is_not_removed(kept: Kept, home: Path) -> None:
    kept.shed(0, len)
    kept.tidy()

    assert len(list_segments(home / "forward" / "a")) == 3
    assert kept.waiting() == []
    assert kept.oldest_ns() is None


def test_what_is_settled_and_stored_is_removed_with_its_position(kept: Kept, home: Path) -> None:
    segments = list_segments(home / "forward" / "a")
    kept.positions.settle(segments[0], 2 * FRAME)
    stored(home)

    kept.tidy()

    assert list_segments(home / "forward" / "a") == segments[1:]
    assert list((home / "forward" / "a").glob("*.pos")) == []


def test_a_torn_end_does_not_keep_a_segment_for_ever(kept: Kept, home: Path) -> None:
    segments = list_segments(home / "forward" / "a")
    with segments[0].open("ab") as file:
        file.write(b"LTS1 torn")
    kept.positions.settle(segments[0], 2 * FRAME)
    stored(home)

    kept.tidy()

    assert segments[0] not in list_segments(home / "forward" / "a")


def test_positions_of_segments_that_are_gone_go(kept: Kept, home: Path) -> None:
    note = home / "forward" / "a" / "00000000000000000009-1-00000000.pos"
    note.write_text("5")
    other = list_segments(home / "wal")[0]
    kept.positions.settle(home / "forward" / "a" / other.name, 5)

    kept.tidy()

    assert not note.exists()
    assert kept.positions.of(home / "forward" / "a" / other.name) == 5
