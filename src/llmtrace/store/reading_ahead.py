"""Does the first half of some work in other threads while the second half of it is done here.

Storing spans waits for DuckDB and the disk most of the time, reading them is Python: side by side
they keep two processors busy. Bounded in bytes; knows neither what is read nor where it goes.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

_I = TypeVar("_I")
_T = TypeVar("_T")

_BYTES_AHEAD: Final = 20 * 1024 * 1024
_ITEMS_AHEAD: Final = 1_000
_READERS: Final = 3
"""As many as can be under way at once: one that is read here, one in the process that helps, and
one that is handed to it meanwhile. Where there is less to do, the others wait.
"""


def reading_ahead(
    items: Iterable[_I], read: Callable[[_I], _T], size_of: Callable[[_I], int]
) -> Generator[tuple[_I, Future[_T]]]:
    """Yield the items in order, each with what ``read`` makes of it, or raises.

    ``items`` is iterated here, ahead of what is yielded; ``size_of`` says an item's bytes.
    Wait for what was read of one before asking for the next, and close it in the end
    (``contextlib.closing``): its threads end then, and nothing more is read.
    """
    reader = ThreadPoolExecutor(_READERS, thread_name_prefix="llmtrace-read")
    waiting: deque[tuple[_I, Future[_T]]] = deque()
    size = 0
    try:
        for item in items:
            waiting.append((item, reader.submit(read, item)))
            size += size_of(item)
            while size > _BYTES_AHEAD or len(waiting) > _ITEMS_AHEAD:
                size -= size_of(waiting[0][0])
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        reader.shutdown(cancel_futures=True)
