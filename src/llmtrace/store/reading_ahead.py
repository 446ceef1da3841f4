"""Reads frames in another thread while those before them are stored.

Storing waits for DuckDB and the disk most of the time, reading is Python: side by side they keep
two processors busy. Bounded in bytes; knows neither what a frame holds nor where it goes.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from llmtrace.spool import Frame

_T = TypeVar("_T")

_BYTES_AHEAD: Final = 8 * 1024 * 1024
_FRAMES_AHEAD: Final = 1_000


def reading_ahead(
    frames: Sequence[Frame], read: Callable[[Frame], _T]
) -> Generator[tuple[Frame, Future[_T]]]:
    """Yield the frames in order, each with what ``read`` makes of it, or raises.

    Wait for what was read of one before asking for the next, and close it in the end
    (``contextlib.closing``): its thread ends then, and nothing more is read.
    """
    reader = ThreadPoolExecutor(1, thread_name_prefix="llmtrace-read")
    waiting: deque[tuple[Frame, Future[_T]]] = deque()
    size = 0
    try:
        for frame in frames:
            waiting.append((frame, reader.submit(read, frame)))
            size += len(frame.payload)
            while size > _BYTES_AHEAD or len(waiting) > _FRAMES_AHEAD:
                size -= len(waiting[0][0].payload)
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        reader.shutdown(cancel_futures=True)
