"""What a home takes on its disk: the store's file, segments by folder, dead letters. No SQL.

Read from the files themselves, whether a collector runs or not; what goes away meanwhile counts 0.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmtrace.spool import is_owned, list_segments
from llmtrace.spool.keeping import FORWARD, active_targets
from llmtrace.spool.kept import Kept
from llmtrace.store.dead_letters import letters, reason_of
from llmtrace.store.drain import SPOOL, WAL
from llmtrace.store.exchange import log_of
from llmtrace.store.reading import DATABASE_FILE

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS: Final = (SPOOL, WAL)
"""Folders with segments that wait for the store."""
_NO_REASON: Final = "not noted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """The segments of one folder."""

    files: int
    size_bytes: int
    written_now: int
    """Of the files, those that their writer holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A disk, in bytes."""

    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """Requests that lie aside for one reason."""

    reason: str
    files: int
    size_bytes: int


def store_bytes(home: Path) -> dict[str, int]:
    """Return the size of the store's file (``database``) and of its own log beside it."""
    path = home / DATABASE_FILE
    return {"database": _size(path), "log": _size(log_of(path))}


def segments(directory: Path) -> Segments:
    """Return what lies in a folder. Raises SegmentError if it cannot be listed."""
    found = list_segments(directory)
    return Segments(
        files=len(found),
        size_bytes=sum(map(_size, found)),
        written_now=sum(map(is_owned, found)),
    )


def forward_waiting(home: Path) -> dict[str, int]:
    """Return by target how many bytes wait to be sent on. Raises SegmentError."""
    sources = [home / name for name in FOLDERS]
    return {
        folder.name: Kept(folder, sources).waiting_bytes()
        for folder in sorted(active_targets(home))
        if folder.parent.name == FORWARD
    }


def dead_letters(home: Path) -> list[DeadLetters]:
    """Return what lies aside by reason, most requests first."""
    found: dict[str, list[Path]] = {}
    for path in letters(home):
        found.setdefault(reason_of(path) or _NO_REASON, []).append(path)
    told = [
        DeadLetters(reason=reason, files=len(paths), size_bytes=sum(map(_size, paths)))
        for reason, paths in found.items()
    ]
    return sorted(told, key=lambda each: (-each.files, each.reason))


def disk(home: Path) -> Disk:
    """Return the disk of a home; of the nearest folder above it that exists."""
    place = home
    while not place.exists():
        place = place.parent
    usage = shutil.disk_usage(place)
    return Disk(free_bytes=usage.free, total_bytes=usage.total)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
