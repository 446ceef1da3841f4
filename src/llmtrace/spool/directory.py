"""What may be done to segments of others: list them, remove finished ones, keep within limits.

A segment whose writer still holds its lock is never touched, whatever the limits say.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmtrace.errors import SegmentError
from llmtrace.spool.frames import read_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

_PIECE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What was thrown away to keep within limits."""

    segments: int = 0
    frames: int = 0
    weight: int = 0
    """What ``weigh`` said of the frames, added up; 0 without it."""
    size_bytes: int = 0


def list_segments(directory: Path) -> list[Path]:
    """Return the segments of a directory, oldest first; none if it does not exist.

    Raises SegmentError if it cannot be listed.
    """
    try:
        with os.scandir(directory) as entries:
            names = [e.name for e in entries if e.name.endswith(".seg") and e.is_file()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SegmentError(
            f"cannot list segments in {directory}: {error.strerror}; check its permissions"
        ) from error
    return [directory / name for name in sorted(names)]


def make_private(directory: Path) -> None:
    """Create a directory and what lacks above it, all with mode 0700: prompts lie below.

    ``Path.mkdir(parents=True)`` gives the mode to the last one alone. Raises OSError.
    """
    if not directory.parent.exists():
        make_private(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)


def is_owned(path: Path) -> bool:
    """Say whether a writer still holds the segment; False if the file is gone."""
    with locked(path) as is_held:
        return not is_held and path.exists()


def try_remove(path: Path, *, applied: int) -> bool:
    """Remove a segment if its writer is gone and no whole frame lies beyond ``applied`` bytes.

    The caller has made the position ``applied`` durable before. True if the file is gone.
    """
    with locked(path) as is_held:
        if not is_held:
            return not path.exists()
        if read_frames(path, applied).frames:
            return False
        return _unlinked(path)


def enforce_limits(
    directory: Path,
    *,
    max_bytes: int,
    max_age_s: float | None,
    now_ns: int,
    weigh: Callable[[bytes], int] | None = None,
) -> Dropped:
    """Remove the oldest unowned segments until the directory is within its limits.

    Age is that of a segment's name, in seconds before ``now_ns``; None sets no limit of age.
    ``weigh`` says what a payload counts for in ``Dropped.weight``.
    """
    segments = [(path, _size(path)) for path in list_segments(directory)]
    total = sum(size for _, size in segments)
    dropped = Dropped()
    for path, size in segments:
        too_old = max_age_s is not None and now_ns - created_ns(path, now_ns) > max_age_s * 1e9
        if total <= max_bytes and not too_old:
            continue
        counted = _remove_unowned(path, weigh)
        if counted is None:
            continue
        total -= size
        dropped = Dropped(
            segments=dropped.segments + 1,
            frames=dropped.frames + counted[0],
            weight=dropped.weight + counted[1],
            size_bytes=dropped.size_bytes + size,
        )
    return dropped


def directory_bytes(directory: Path) -> int:
    """Return the bytes of all segments in a directory. Raises SegmentError if it is unreadable."""
    return sum(map(_size, list_segments(directory)))


def created_ns(path: Path, default_ns: int) -> int:
    """Return when a segment was begun, by its name: nanoseconds since 1970."""
    stamp = path.name.partition("-")[0]
    return int(stamp) if stamp.isdigit() else default_ns


def _remove_unowned(path: Path, weigh: Callable[[bytes], int] | None) -> tuple[int, int] | None:
    """Remove one segment; return its frames' number and weight. None if it is owned or gone."""
    with locked(path) as is_held:
        if not is_held:
            return None
        frames = weight = 0
        found = read_frames(path, max_bytes=_PIECE_BYTES)
        while found.frames:
            frames += len(found.frames)
            weight += sum(weigh(frame.payload) for frame in found.frames) if weigh else 0
            found = read_frames(path, found.next_offset, max_bytes=_PIECE_BYTES)
        return (frames, weight) if _unlinked(path) else None


def _unlinked(path: Path) -> bool:
    """Remove the file; False where that is not allowed (a read-only disk, another's folder)."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


@contextmanager
def locked(path: Path) -> Generator[bool]:
    """Hold the segment's lock; give False if its writer has it or the file is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        yield _try_flock(descriptor)
    finally:
        os.close(descriptor)


def _try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
