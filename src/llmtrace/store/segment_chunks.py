"""Frames of segments, put together until they are enough for one transaction. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from llmtrace.otlp.count import count_spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from llmtrace.spool import Frame, Frames

# Measured: inserts of 5000 spans cost a third of inserts of 500; the bytes bound the memory.
SPANS: Final = 4_000
BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRead:
    """What was read of a segment."""

    path: Path
    is_owned: bool
    """Whether somebody may still add to it."""
    size: int
    frames: Frames


class FrameOrEnd(NamedTuple):
    """A frame of a segment, or its end."""

    segment: SegmentRead
    frame: Frame | None


def chunks(reads: Iterable[FrameOrEnd]) -> Iterator[list[FrameOrEnd]]:
    """Give the reads in their order, as many at once as one transaction should store."""
    chunk: list[FrameOrEnd] = []
    spans = size = 0
    for read in reads:
        chunk.append(read)
        if read.frame is None:
            continue
        size += len(read.frame.payload)
        spans += count_spans(read.frame.payload)
        if spans >= SPANS or size >= BYTES:
            yield chunk
            chunk, spans, size = [], 0, 0
    if chunk:
        yield chunk


def size_bytes(chunk: Iterable[FrameOrEnd]) -> int:
    """Return the size of what the frames carry."""
    return sum(len(read.frame.payload) for read in chunk if read.frame is not None)
