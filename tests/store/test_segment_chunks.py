"""What is stored at once: bounded in spans and bytes, in order, with every end of a segment."""

from __future__ import annotations

from pathlib import Path

from llmtrace.spool import Frame, Frames
from llmtrace.store import segment_chunks
from llmtrace.store.segment_chunks import FrameOrEnd, SegmentRead, chunks, size_bytes
from tests.otlp.otlp_requests import request, span

SEGMENT = SegmentRead(
    path=Path("a.seg"),
    is_owned=False,
    size=0,
    frames=Frames(frames=[], next_offset=0, damaged=0),
)
END = FrameOrEnd(SEGMENT, None)


def frame(payload: bytes) -> FrameOrEnd:
    return FrameOrEnd(SEGMENT, Frame(payload=payload, end=len(payload)))


def test_many_small_spans_are_bounded_by_their_number() -> None:
    thousand = frame(request(*(span(number, {}) for number in range(1, 1_001))))

    found = list(chunks([thousand] * 9))

    assert [len(chunk) for chunk in found] == [4, 4, 1]


def test_few_large_ones_are_bounded_by_their_bytes() -> None:
    large = frame(bytes(segment_chunks.BYTES // 2))

    assert [len(chunk) for chunk in chunks([large] * 3)] == [2, 1]
    assert size_bytes([large, END]) == segment_chunks.BYTES // 2


def test_ends_are_kept_in_order_and_nothing_gives_nothing() -> None:
    one = frame(request(span()))

    assert list(chunks([one, END, one, END])) == [[one, END, one, END]]
    assert list(chunks([])) == []
