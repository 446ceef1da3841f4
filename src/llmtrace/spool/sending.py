"""Hand the frames of segments on, many at once, and remember how far that has got.

The position of a segment lies beside it in ``<name>.pos``, written after the frames were settled:
who is killed in between sends those once more. How they are sent is the caller's affair.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeVar

from llmtrace.spool.frames import Frame, read_frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAX_REQUEST_BYTES: Final = 1_000_000
"""Of frames put together in one request: a backlog goes out in few requests. Receivers take 4 MB
and more; a single frame may be longer."""


class Told(Protocol):
    """What became of a request."""

    @property
    def verdict(self) -> Literal["accepted", "later", "never"]:
        """``later``: try again; ``never``: it would be refused again."""
        ...


_Told = TypeVar("_Told", bound=Told)


class Positions:
    """How far each segment has been sent, by us or by another process before."""

    def __init__(self) -> None:
        """Know of none yet."""
        self._known: dict[str, int] = {}

    def of(self, path: Path) -> int:
        """Return the offset of the first byte that is not settled."""
        return max(self._known.get(path.name, 0), read_position(path))

    def settle(self, path: Path, offset: int) -> None:
        """Note that all before ``offset`` is done; where the disk is full, for ourselves only."""
        self._known[path.name] = offset
        with suppress(OSError):
            write_position(path, offset)

    def forget(self, path: Path) -> None:
        """Drop the position of a segment that is gone."""
        with suppress(OSError):
            position_note(path).unlink(missing_ok=True)
        self._known.pop(path.name, None)


def send_frames(
    path: Path,
    positions: Positions,
    post: Callable[[list[bytes]], _Told],
    settled: Callable[[list[Frame], _Told], None],
    *,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Send what a segment holds beyond its position; False if not all could be.

    Args:
        path: the segment.
        positions: read, and moved on after each request that is settled.
        post: sends payloads as one request; serialized OTLP requests, put one after another, are
            one request with all they hold.
        settled: told of the frames of each request that was accepted, or refused for good.
        should_stop: asked before each request.

    """
    while frames := read_frames(path, positions.of(path), max_bytes=MAX_REQUEST_BYTES).frames:
        if should_stop():
            return False
        told = post([frame.payload for frame in frames])
        if told.verdict == "later":
            return False
        if told.verdict == "never" and len(frames) > 1:
            # Only the frame that is at fault is to be lost.
            if not _send_singly(path, frames, positions, post, settled):
                return False
            continue
        settled(frames, told)
        positions.settle(path, frames[-1].end)
    return True


def _send_singly(
    path: Path,
    frames: list[Frame],
    positions: Positions,
    post: Callable[[list[bytes]], _Told],
    settled: Callable[[list[Frame], _Told], None],
) -> bool:
    for frame in frames:
        told = post([frame.payload])
        if told.verdict == "later":
            return False
        settled([frame], told)
        positions.settle(path, frame.end)
    return True


def position_note(path: Path) -> Path:
    """Return the file that says how far a segment has been sent."""
    return path.with_suffix(".pos")


def read_position(path: Path) -> int:
    """Return the position that lies beside a segment; 0 if there is none that can be read."""
    try:
        return int(position_note(path).read_text())
    except (OSError, ValueError):
        return 0


def write_position(path: Path, offset: int) -> None:
    """Replace the position that lies beside a segment. Raises OSError."""
    note = position_note(path)
    temporary = note.with_suffix(".pos.new")
    temporary.write_text(str(offset))
    temporary.replace(note)
