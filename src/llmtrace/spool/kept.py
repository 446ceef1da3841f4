"""A target's folder of kept segments: what waits in it, what to drop, what can go.

A segment is removed only once its first name, where the store reads it, is gone: else whoever
stores would take it for a new one. To drop is to move the position on.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from llmtrace.spool.directory import created_ns, list_segments
from llmtrace.spool.frames import read_frames
from llmtrace.spool.sending import Positions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_PIECE_BYTES: Final = 1024 * 1024


class Kept:
    """The segments kept for one target; ``waiting`` from any thread, the rest from one."""

    def __init__(self, folder: Path, sources: Sequence[Path]) -> None:
        """``sources``: the folders in which the segments have their first names."""
        self._folder = folder
        self._sources = sources
        self.positions = Positions()

    def waiting(self) -> list[tuple[Path, int]]:
        """Return segments with bytes that are not settled, oldest first. Raises SegmentError."""
        sizes = ((path, self._unsettled(path)) for path in list_segments(self._folder))
        return [(path, size) for path, size in sizes if size > 0]

    def waiting_bytes(self) -> int:
        """Return how many bytes are not settled. Raises SegmentError."""
        return sum(size for _, size in self.waiting())

    def shed(self, max_bytes: int, weigh: Callable[[bytes], int]) -> int:
        """Give up the oldest segments until ``max_bytes`` wait; return the weight of their frames.

        Raises SegmentError.
        """
        waiting = self.waiting()
        total = sum(size for _, size in waiting)
        dropped = 0
        for path, size in waiting:
            if total <= max_bytes:
                break
            dropped += self._give_up(path, weigh)
            total -= size
        return dropped

    def tidy(self) -> None:
        """Remove what is settled and was stored, and positions of segments that are gone."""
        segments = list_segments(self._folder)
        for path in segments:
            if not self._is_stored(path):
                continue
            position = self.positions.of(path)
            # Stored and removed there: nobody writes to it any more, a torn end stays torn.
            if not read_frames(path, position, max_bytes=_PIECE_BYTES).frames:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
                    self.positions.forget(path)
        names = {path.stem for path in segments}
        for note in self._folder.glob("*.pos"):
            path = note.with_suffix(".seg")
            if note.stem not in names and self._is_stored(path):
                self.positions.forget(path)

    def oldest_ns(self) -> int | None:
        """Return when the oldest waiting segment was begun, in ns since 1970; None: none waits."""
        return next((created_ns(path, 0) for path, _ in self.waiting()), None)

    def _give_up(self, path: Path, weigh: Callable[[bytes], int]) -> int:
        dropped = 0
        while True:
            found = read_frames(path, self.positions.of(path), max_bytes=_PIECE_BYTES)
            if not found.frames:
                return dropped
            dropped += sum(weigh(frame.payload) for frame in found.frames)
            self.positions.settle(path, found.next_offset)

    def _unsettled(self, path: Path) -> int:
        try:
            return path.stat().st_size - self.positions.of(path)
        except OSError:
            return 0

    def _is_stored(self, path: Path) -> bool:
        return not any((source / path.name).exists() for source in self._sources)
