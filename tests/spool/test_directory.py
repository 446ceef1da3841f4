"""What others may do to segments: never touch an owned one, never lose an unapplied frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.spool import Dropped, SegmentWriter, enforce_limits, list_segments, try_remove

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 1_000_000_000


def a_segment(
    directory: Path, frames: int = 1, *, created_s: int = 0
) -> tuple[SegmentWriter, Path]:
    writer = SegmentWriter(directory, now_ns=lambda: created_s * SECOND, pid=7)
    position = writer.append(b"x" * 84)
    for _ in range(frames - 1):
        writer.append(b"x" * 84)
    return writer, directory / position.segment


def test_a_missing_folder_has_no_segments(tmp_path: Path) -> None:
    assert list_segments(tmp_path / "nothing") == []


def test_only_segment_files_are_listed(tmp_path: Path) -> None:
    _, path = a_segment(tmp_path)
    (tmp_path / "note.txt").write_text("x")
    (tmp_path / ".hidden.seg.new").write_text("x")
    (tmp_path / "folder.seg").mkdir()

    assert list_segments(tmp_path) == [path]


def test_an_owned_segment_is_not_removed(tmp_path: Path) -> None:
    _writer, path = a_segment(tmp_path)

    assert not try_remove(path, applied=path.stat().st_size)
    assert path.exists()


def test_a_segment_with_a_frame_that_is_not_applied_is_not_removed(tmp_path: Path) -> None:
    writer, path = a_segment(tmp_path, frames=2)
    writer.close()

    assert not try_remove(path, applied=100)
    assert path.exists()


def test_an_applied_segment_without_its_writer_is_removed(tmp_path: Path) -> None:
    writer, path = a_segment(tmp_path, frames=2)
    writer.close()

    assert try_remove(path, applied=200)
    assert not path.exists()


def test_removing_what_is_gone_is_no_error(tmp_path: Path) -> None:
    assert try_remove(tmp_path / "gone.seg", applied=0)


def test_within_limits_nothing_is_dropped(tmp_path: Path) -> None:
    writer, _ = a_segment(tmp_path, frames=3)
    writer.close()

    assert enforce_limits(tmp_path, max_bytes=300, max_age_s=None, now_ns=0) == Dropped()


def test_over_the_limit_the_oldest_go_first_and_their_frames_are_counted(tmp_path: Path) -> None:
    for second in range(4):
        a_segment(tmp_path, frames=2, created_s=second)[0].close()

    dropped = enforce_limits(tmp_path, max_bytes=400, max_age_s=None, now_ns=0)

    assert dropped == Dropped(segments=2, frames=4, size_bytes=400)
    assert [path.name[:20] for path in list_segments(tmp_path)] == [
        f"{2 * SECOND:020d}",
        f"{3 * SECOND:020d}",
    ]


def test_an_owned_segment_is_kept_whatever_the_limit(tmp_path: Path) -> None:
    _old, kept = a_segment(tmp_path, frames=2, created_s=0)
    a_segment(tmp_path, frames=2, created_s=1)[0].close()

    dropped = enforce_limits(tmp_path, max_bytes=0, max_age_s=None, now_ns=0)

    assert dropped.segments == 1
    assert list_segments(tmp_path) == [kept]


def test_segments_over_the_age_are_dropped(tmp_path: Path) -> None:
    a_segment(tmp_path, created_s=100)[0].close()
    young, path = a_segment(tmp_path, created_s=190)
    young.close()

    dropped = enforce_limits(tmp_path, max_bytes=10_000, max_age_s=50, now_ns=200 * SECOND)

    assert dropped.frames == 1
    assert list_segments(tmp_path) == [path]


def test_every_folder_that_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    # when: neither the home nor the folder in it exists
    a_segment(tmp_path / "home" / "outbox" / "there")

    # then: prompts lie below each of them
    for made in ("home", "home/outbox", "home/outbox/there"):
        assert (tmp_path / made).stat().st_mode & 0o777 == 0o700
