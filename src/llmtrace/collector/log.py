"""The write-ahead log: a request is acknowledged once its bytes are on the disk.

One thread appends whatever waits and syncs once for all of it (group commit): a sync costs the
same for one request as for sixty.
"""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, NamedTuple

from llmtrace.errors import SegmentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.spool import SegmentWriter

logger = logging.getLogger(__name__)
_GROUP: Final = 256


class _Waiting(NamedTuple):
    payload: bytes
    done: Future[None]


class WriteAheadLog:
    """Appends requests durably; ``append`` from any thread."""

    def __init__(self, writer: SegmentWriter, on_durable: Callable[[int], None]) -> None:
        """Start the thread; ``on_durable`` is told the bytes of every sync."""
        self._writer = writer
        self._on_durable = on_durable
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="llmtrace-log", daemon=True)
        self._thread.start()

    def append(self, payload: bytes) -> Future[None]:
        """Return a future that is done when ``payload`` is on the disk.

        It carries a SegmentError if it could not be written; nothing of it is kept then.
        """
        waiting = _Waiting(payload, Future())
        self._waiting.put(waiting)
        return waiting.done

    def close(self) -> None:
        """Write and sync what waits, and stop. Nothing may be appended afterwards."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            if group:
                self._commit(group)
        try:
            self._writer.close()
        except SegmentError as error:
            logger.warning("the log's last segment was not closed cleanly: %s", error)

    def _next_group(self) -> tuple[list[_Waiting], bool]:
        """Wait for a request and take all that wait with it; False at the end."""
        group: list[_Waiting] = []
        item = self._waiting.get()
        while item is not None:
            group.append(item)
            if len(group) >= _GROUP:
                return group, True
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, group: list[_Waiting]) -> None:
        written: list[_Waiting] = []
        for waiting in group:
            try:
                self._writer.append(waiting.payload)
            except SegmentError as error:
                waiting.done.set_exception(error)
            else:
                written.append(waiting)
        try:
            self._writer.sync()
        except SegmentError as error:
            for waiting in written:
                waiting.done.set_exception(error)
            return
        for waiting in written:
            waiting.done.set_result(None)
        self._on_durable(sum(len(waiting.payload) for waiting in written))
