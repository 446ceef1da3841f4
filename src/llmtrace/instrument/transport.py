"""Where encoded spans go: a spool segment, or an OTLP/HTTP endpoint by way of one.

Both write a segment first, so that nothing is lost when the process dies or the endpoint is down;
the endpoint's segments lie in an outbox of their own and are removed once they are accepted.
Runs in background threads only. Standard library only.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from llmtrace.clock import wall_ns
from llmtrace.errors import SegmentError
from llmtrace.otlp.count import count_spans
from llmtrace.otlp.endpoint import with_traces_path
from llmtrace.spool import (
    DEFAULT_SEGMENT_BYTES,
    MAX_PAYLOAD_BYTES,
    SegmentWriter,
    directory_bytes,
    enforce_limits,
)

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.config import Settings

logger = logging.getLogger("llmtrace")

_SEGMENTS_IN_LIMIT: Final = 16
"""A segment is dropped as a whole, and never while it is written: at least so many make up the
limit. So many looks at the directory's size are made while that much is written."""


def traces_url(settings: Settings) -> str | None:
    """Return the URL that traces are posted to, None if they go to the spool."""
    if settings.traces_endpoint:
        return settings.traces_endpoint
    return with_traces_path(settings.endpoint) if settings.endpoint else None


def transport_directory(settings: Settings) -> Path:
    """Return the directory that this process writes its segments to."""
    url = traces_url(settings)
    if url is None:
        return settings.home / "spool"
    return settings.home / "outbox" / hashlib.sha256(url.encode()).hexdigest()[:16]


class SegmentTransport:
    """Appends payloads to segments; keeps them in memory, bounded, while the disk refuses."""

    def __init__(self, settings: Settings, dropped: Counter[str]) -> None:
        """Prepare; nothing is touched before the first payload. ``dropped`` counts by reason."""
        self.directory = transport_directory(settings)
        self._settings = settings
        self._dropped = dropped
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._waiting_bytes = 0
        self._segment_bytes = min(
            DEFAULT_SEGMENT_BYTES, settings.max_spool_bytes // _SEGMENTS_IN_LIMIT
        )
        self._unchecked_bytes = 0
        self._writer = self._new_writer()
        self.open_segment = ""
        """File name of the segment that we write to now; "" before the first payload."""

    def write(self, payload: bytes, spans: int) -> None:
        """Append one encoded request; on a full or read-only disk keep it for the next time."""
        if len(payload) > MAX_PAYLOAD_BYTES:
            self._dropped["too_large"] += spans
            return
        self._waiting.append((payload, spans))
        self._waiting_bytes += len(payload)
        try:
            self._write_waiting()
        except SegmentError as error:
            if not self._dropped["disk_refused_times"]:
                logger.warning("llmtrace keeps spans in memory for now: %s", error)
            self._dropped["disk_refused_times"] += 1
            self._shed()

    def retry(self) -> None:
        """Try again what the disk refused."""
        if self._waiting:
            try:
                self._write_waiting()
            except SegmentError:
                self._dropped["disk_refused_times"] += 1

    @property
    def is_waiting(self) -> bool:
        """Whether something is kept in memory that the disk refused."""
        return bool(self._waiting)

    def close(self) -> None:
        """Give up the open segment."""
        self._writer.close()

    def abandon(self) -> None:
        """Forget the parent's segment and payloads, in a forked child."""
        self._writer.abandon()
        self._waiting.clear()
        self._waiting_bytes = 0
        self._writer = self._new_writer()

    def _new_writer(self) -> SegmentWriter:
        return SegmentWriter(
            self.directory,
            max_segment_bytes=self._segment_bytes,
            now_ns=wall_ns,
            pid=os.getpid(),
        )

    def _write_waiting(self) -> None:
        while self._waiting:
            payload, _ = self._waiting[0]
            self.open_segment = self._writer.append(payload).segment
            self._waiting.popleft()
            self._waiting_bytes -= len(payload)
            self._unchecked_bytes += len(payload)
            if self._unchecked_bytes >= self._segment_bytes:
                self._unchecked_bytes = 0
                self._keep_within_limits()

    def _keep_within_limits(self) -> None:
        """The oldest segments go first; those of the spool never by age: a reader will come."""
        dropped = enforce_limits(
            self.directory,
            max_bytes=min(self._settings.max_spool_bytes, _half_of_what_there_is(self.directory)),
            max_age_s=self._settings.max_spool_age_s if traces_url(self._settings) else None,
            now_ns=wall_ns(),
            weigh=count_spans,
        )
        self._dropped["spool_full"] += dropped.weight

    def _shed(self) -> None:
        while self._waiting_bytes > self._settings.max_queue_bytes and self._waiting:
            payload, spans = self._waiting.popleft()
            self._waiting_bytes -= len(payload)
            self._dropped["disk_refused"] += spans


def _half_of_what_there_is(directory: Path) -> int:
    """Return half of the bytes that the disk would have free without our segments.

    The disk is the app's; the last of it is not ours to take.
    """
    disk = os.statvfs(directory)
    return (directory_bytes(directory) + disk.f_bavail * disk.f_frsize) // 2
