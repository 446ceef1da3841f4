"""Appends frames to the newest segment of a directory, and starts the next one when it is full.

The writer holds ``flock`` on its open segment, so that others know it is not finished. Its name
appears only with the lock already held. Not thread-safe: one thread writes, or callers take turns.
"""

from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from llmtrace.errors import SegmentError
from llmtrace.spool.directory import make_private
from llmtrace.spool.frames import MAX_PAYLOAD_BYTES, header

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEFAULT_SEGMENT_BYTES: Final = 8 * 1024 * 1024


class Position(NamedTuple):
    """Where an appended frame ends."""

    segment: str
    """File name of the segment."""
    end: int
    """Offset of the first byte after the frame."""


class SegmentWriter:
    """Writes one process's segments; opens the first with the first frame."""

    def __init__(
        self,
        directory: Path,
        *,
        max_segment_bytes: int = DEFAULT_SEGMENT_BYTES,
        now_ns: Callable[[], int],
        pid: int,
    ) -> None:
        """Prepare to write into ``directory``; nothing is touched yet.

        Args:
            directory: created when the first frame comes, and what lacks above it; mode 0700.
            max_segment_bytes: size from which the next segment is started.
            now_ns: wall clock in nanoseconds since 1970, for names that sort by age.
            pid: this process, for the names.

        """
        self._directory = directory
        self._max_segment_bytes = max_segment_bytes
        self._now_ns = now_ns
        self._pid = pid
        self._descriptor: int | None = None
        self._name = ""
        self._size = 0

    def append(self, payload: bytes) -> Position:
        """Append one frame in a single write and return where it ends; not yet on the disk.

        Raises SegmentError naming the file and what to do; nothing of the frame is left then.
        """
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise SegmentError(
                f"a frame of {len(payload)} bytes is over the limit of {MAX_PAYLOAD_BYTES}; "
                "send fewer spans at once"
            )
        head = header(payload)
        length = len(head) + len(payload)
        if self._descriptor is not None and self._size + length > self._max_segment_bytes:
            self.close()
        descriptor = self._open() if self._descriptor is None else self._descriptor
        try:
            _write_all(descriptor, head, payload)
        except OSError as error:
            self._undo(descriptor)
            raise self._error("write", error) from error
        self._size += length
        return Position(self._name, self._size)

    def sync(self) -> None:
        """Return when everything appended is on the disk. Raises SegmentError."""
        if self._descriptor is None:
            return
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            # After a failed sync the kernel may have dropped the pages: the segment is given up,
            # so that no later sync of it reports a success that is none.
            self.abandon()
            raise self._error("sync", error) from error

    def close(self) -> None:
        """Sync the open segment and let go of it; the next frame starts a new one."""
        if self._descriptor is not None:
            self.sync()
            self.abandon()

    def abandon(self) -> None:
        """Let go of the open segment without touching it.

        For the child after a fork: the file, its lock and what comes next belong to the parent.
        """
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _open(self) -> int:
        name = f"{self._now_ns():020d}-{self._pid}-{os.urandom(4).hex()}.seg"
        hidden = self._directory / f".{name}.new"
        self._name = name
        try:
            make_private(self._directory)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            descriptor = os.open(hidden, flags, 0o600)
        except OSError as error:
            raise self._error("create", error) from error
        try:
            # An unowned empty segment counts as finished and is removed: lock first, show then.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hidden.rename(self._directory / name)
            self._sync_directory()
        except OSError as error:
            os.close(descriptor)
            hidden.unlink(missing_ok=True)
            raise self._error("create", error) from error
        self._descriptor = descriptor
        self._size = 0
        return descriptor

    def _sync_directory(self) -> None:
        """Make the new name durable: syncing a file does not sync the folder that lists it."""
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _undo(self, descriptor: int) -> None:
        try:
            os.ftruncate(descriptor, self._size)
        except OSError:
            # Readers skip a torn frame, but only at a segment's end or before a whole frame.
            self.abandon()

    def _error(self, action: str, error: OSError) -> SegmentError:
        advice = {
            errno.ENOSPC: "free space on that disk",
            errno.EDQUOT: "free space within your quota",
            errno.EROFS: "the disk is read-only: set LLMTRACE_HOME to a folder on another one",
            errno.EACCES: "give this user write access, or set LLMTRACE_HOME to another folder",
            errno.EPERM: "give this user write access, or set LLMTRACE_HOME to another folder",
        }.get(error.errno or 0, "check the folder and its disk")
        return SegmentError(
            f"cannot {action} segment {self._directory / self._name}: {error.strerror}; {advice}"
        )


def _write_all(descriptor: int, head: bytes, payload: bytes) -> None:
    """Write a frame with one system call, so that a kill leaves at most a torn tail."""
    if os.writev(descriptor, (head, payload)) != len(head) + len(payload):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
