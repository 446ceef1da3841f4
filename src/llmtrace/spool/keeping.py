"""Keep segments for whoever is to send them on, after the store is done with them.

``forward/<target>/`` of a home holds a second name (a hard link: no copy, no second write) of every
segment whose frames that target has not had. It is given before the first frame is stored, by
whoever stores, so that nothing slips away: a collector, or a reader while none runs. A target is
kept for while its folder holds the file ``active``. Failing to keep never fails the storing.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from llmtrace.errors import SegmentError
from llmtrace.spool.directory import list_segments, make_private
from llmtrace.spool.frames import read_frames
from llmtrace.spool.kept import Kept
from llmtrace.spool.sending import position_note, write_position

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

logger = logging.getLogger(__name__)

FORWARD: Final = "forward"
_ACTIVE: Final = "active"
_PIECE_BYTES: Final = 1024 * 1024


class Keeper:
    """Keeps the segments of one home for its targets; used by one thread."""

    def __init__(
        self, home: Path, sources: Sequence[Path], *, weigh: Callable[[bytes], int]
    ) -> None:
        """See which targets there are.

        ``sources``: the folders whose segments are kept; ``weigh`` says what a frame counts for in
        ``take_lost``.
        """
        self._limits = active_targets(home)
        self._sources = sources
        self._weigh = weigh
        self._first_seen: dict[str, int] = {}
        self._kept: set[str] = set()
        self._lost: Counter[str] = Counter()

    def keep(self, segment: Path, *, applied: int) -> None:
        """Keep a segment, of which the first ``applied`` bytes were stored before we knew of it."""
        if not self._limits or segment.name in self._kept:
            return
        start = self._first_seen.setdefault(segment.name, applied)
        if not self._failing(segment, start, copies=False):
            self._kept.add(segment.name)

    def release(self, segment: Path) -> None:
        """Prepare for the removal of a finished segment: keep it now, or never."""
        if not self._limits:
            return
        start = self._first_seen.pop(segment.name, 0)
        if segment.name in self._kept:
            self._kept.discard(segment.name)
            return
        for folder in self._failing(segment, start, copies=True):
            weight = _weight(segment, start, self._weigh)
            self._lost[folder.name] += weight
            logger.error("%d spans of %s could not be kept for %s", weight, segment, folder.name)

    def bound(self) -> None:
        """Keep the folders within their limits, where nobody is there to send. Raises SegmentError.

        For who stores while no collector runs: a collector does it as it sends.
        """
        for folder, max_bytes in self._limits.items():
            kept = Kept(folder, self._sources)
            self._lost[folder.name] += kept.shed(max_bytes, self._weigh)
            kept.tidy()

    def take_lost(self) -> Counter[str]:
        """Return by target the weight of what could not be kept since the last call."""
        lost, self._lost = +self._lost, Counter()
        return lost

    def _failing(self, segment: Path, start: int, *, copies: bool) -> list[Path]:
        return [folder for folder in self._limits if not _keep(segment, folder, start, copies)]


def active_targets(home: Path) -> dict[Path, int]:
    """Return the folders of targets that segments are kept for, and how many bytes may wait."""
    found: dict[Path, int] = {}
    for note in sorted((home / FORWARD).glob(f"*/{_ACTIVE}")):
        with suppress(OSError, ValueError):
            found[note.parent] = int(note.read_text())
    return found


def activate(home: Path, targets: Mapping[str, int]) -> list[Path]:
    """Keep segments for these targets (name → bytes that may wait) from now on, and for no other.

    Returns the folders of others in which segments still lie. Raises SegmentError.
    """
    wanted = {home / FORWARD / name: max_bytes for name, max_bytes in targets.items()}
    try:
        for folder, max_bytes in wanted.items():
            make_private(folder)
            (folder / _ACTIVE).write_text(str(max_bytes))
        others = [path for path in (home / FORWARD).glob("*/") if path not in wanted]
        for folder in others:
            (folder / _ACTIVE).unlink(missing_ok=True)
    except OSError as error:
        raise SegmentError(
            f"cannot prepare {home / FORWARD}: {error.strerror}; check the folder and its disk"
        ) from error
    return sorted(folder for folder in others if list_segments(folder))


def _keep(segment: Path, folder: Path, start: int, copies: bool) -> bool:  # noqa: FBT001  # private, and by name above
    """Give a segment its second name; False if that failed."""
    kept = folder / segment.name
    try:
        if kept.exists():
            return True
        # The position first: a kept segment without one is sent from its beginning.
        if start and not position_note(kept).exists():
            write_position(kept, start)
        os.link(segment, kept)
    except FileExistsError:
        return True
    except FileNotFoundError:
        return not segment.exists()
    except OSError:
        # Another user's file, or another disk: it is still to be found where it is, until it goes.
        return copies and _copied(segment, kept)
    return True


def _copied(segment: Path, kept: Path) -> bool:
    hidden = kept.with_name(f".{kept.name}.new")
    try:
        shutil.copyfile(segment, hidden)
        hidden.replace(kept)
    except OSError:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)
        return False
    return True


def _weight(segment: Path, start: int, weigh: Callable[[bytes], int]) -> int:
    total = 0
    found = read_frames(segment, start, max_bytes=_PIECE_BYTES)
    while found.frames:
        total += sum(weigh(frame.payload) for frame in found.frames)
        found = read_frames(segment, found.next_offset, max_bytes=_PIECE_BYTES)
    return total
