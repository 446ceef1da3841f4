"""The frame: a 16-byte header (magic, length, CRC-32, zeros) and a payload. Reading is tolerant.

Whatever is not a whole, checksummed frame is skipped to the next one that is. If there is none,
reading stops: it may be a frame that is still being written.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from llmtrace.errors import SegmentError

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.spool.stretches import Stretches

MAGIC: Final = b"LTS1"
_HEADER: Final = struct.Struct("<4sIII")
HEADER_BYTES: Final = _HEADER.size
MAX_PAYLOAD_BYTES: Final = 64 * 1024 * 1024
"""Longer lengths are taken for damage."""
_MOST_IN_VAIN: Final = 2 * MAX_PAYLOAD_BYTES
"""After so many bytes of checksums that did not match, the headers are taken for forged ones."""


class Frame(NamedTuple):
    """One payload and where it ends."""

    payload: bytes
    end: int
    """Offset in the file of the first byte after the frame."""


class _Claim(NamedTuple):
    """What a header says of its frame."""

    end: int
    checksum: int


class Frames(NamedTuple):
    """What was read from a segment."""

    frames: list[Frame]
    next_offset: int
    """Where to go on reading: the end of the last whole frame."""
    damaged: int
    """Stretches that were skipped because a whole frame follows them."""


def header(payload: bytes) -> bytes:
    """Return the 16 bytes that go before ``payload``."""
    return _HEADER.pack(MAGIC, len(payload), zlib.crc32(payload), 0)


def read_frames(path: Path, offset: int = 0, *, max_bytes: int | None = None) -> Frames:
    """Read the whole frames of a segment from ``offset`` on.

    With ``max_bytes`` only those in so many bytes, but at least one if there is one: for reading
    in pieces, whose next begins at ``next_offset``. A missing file reads as empty. Raises
    SegmentError if it is there and cannot be read.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            found = parse_frames(file.read(max_bytes))
            while not found.frames and max_bytes is not None and file.tell() - offset >= max_bytes:
                max_bytes *= 2  # the frame, or the damage, is longer than a piece
                file.seek(offset)
                found = parse_frames(file.read(max_bytes))
    except FileNotFoundError:
        return Frames([], offset, 0)
    except OSError as error:
        raise SegmentError(
            f"cannot read segment {path}: {error.strerror}; "
            "check the permissions and the disk, or move the file away"
        ) from error
    return Frames(
        [Frame(frame.payload, frame.end + offset) for frame in found.frames],
        found.next_offset + offset,
        found.damaged,
    )


def parse_frames(data: bytes) -> Frames:
    """Take the whole frames out of ``data``; pure."""
    frames: list[Frame] = []
    position = 0
    damaged = 0
    while True:
        frame = _frame_at(data, position)
        if frame is None:
            following = _next_frame(data, position + 1)
            if following is None:
                return Frames(frames, position, damaged)
            damaged += 1
            position = following
            continue
        frames.append(frame)
        position = frame.end


def _frame_at(data: bytes, position: int) -> Frame | None:
    """Return the frame that starts at ``position``; None if none that is whole does."""
    claim = _claim_at(data, position)
    if claim is None:
        return None
    payload = data[position + HEADER_BYTES : claim.end]
    return Frame(payload, claim.end) if zlib.crc32(payload) == claim.checksum else None


def _claim_at(data: bytes, position: int) -> _Claim | None:
    """Return what a header at ``position`` says; None if there is none that can be true."""
    if not data.startswith(MAGIC, position) or len(data) - position < HEADER_BYTES:
        return None
    _, length, checksum, zeros = _HEADER.unpack_from(data, position)
    end = position + HEADER_BYTES + length
    if zeros or length > MAX_PAYLOAD_BYTES or end > len(data):
        return None
    return _Claim(end, checksum)


def _next_frame(data: bytes, start: int) -> int | None:
    """Return where the next whole frame starts, None if there is none."""
    in_vain = 0
    stretches: Stretches | None = None
    position = data.find(MAGIC, start)
    while position >= 0:
        # The magic may be text within a damaged payload: only a matching checksum counts.
        claim = _claim_at(data, position)
        if claim is not None:
            in_vain += claim.end - position
            if in_vain > _MOST_IN_VAIN and stretches is None:
                stretches = _stretches(data)
            content = position + HEADER_BYTES
            checksum = (
                zlib.crc32(memoryview(data)[content : claim.end])
                if stretches is None
                else stretches.crc(content, claim.end)
            )
            if checksum == claim.checksum:
                return position
        position = data.find(MAGIC, position + 1)
    return None


def _stretches(data: bytes) -> Stretches:
    from llmtrace.spool.stretches import (  # noqa: PLC0415  # rarer than rare; apps load this module
        Stretches,
    )

    return Stretches(data)
