"""``store.lock``: whoever has the store file open holds ``flock`` on it.

Its text, ``pid name``, is for people and error messages; only the lock itself decides. The lock
dies with its process, so that there are no stale ones.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING, Final

from llmtrace.errors import StoreLockedError, StoreUnreachableError
from llmtrace.spool import make_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE_NAME: Final = "store.lock"
_POLL_S: Final = 0.05


class StoreLock:
    """The lock, held from ``acquire`` until ``release`` or the end of the process."""

    def __init__(self, home: Path) -> None:
        """Name the lock of ``home``; nothing is touched yet."""
        self._path = home / FILE_NAME
        self._descriptor: int | None = None

    def try_acquire(self, name: str) -> bool:
        """Take the lock if it is free and write ``pid name`` into it.

        Raises StoreUnreachableError if the folder cannot be written to.
        """
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()} {name}\n".encode(), 0)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError as error:
            os.close(descriptor)
            raise _unwritable(self._path, error) from error
        self._descriptor = descriptor
        return True

    def acquire(
        self,
        name: str,
        *,
        timeout_s: float,
        give_up: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Wait for the lock; return False once ``give_up()`` is true.

        Raises StoreLockedError naming the holder after ``timeout_s`` seconds.
        """
        deadline = time.monotonic() + timeout_s
        while not self.try_acquire(name):
            if give_up():
                return False
            if time.monotonic() >= deadline:
                raise StoreLockedError(self.refusal(timeout_s))
            time.sleep(_POLL_S)
        return True

    def holder(self) -> tuple[int | None, str]:
        """Return pid and name as the present or last holder wrote them."""
        try:
            pid, _, name = self._path.read_text(encoding="utf-8").strip().partition(" ")
            return int(pid), name or "unknown"
        except (OSError, ValueError):
            return None, "unknown"

    def refusal(self, waited_s: float) -> str:
        """Say who holds the lock and what to do."""
        pid, name = self.holder()
        return (
            f"the store in {self._path.parent} is in use by process {pid} ({name}), "
            f"which did not let go within {waited_s:g} s; wait for it or stop it, or run "
            "`llmtrace collector`, which serves many readers at once"
        )

    def release(self) -> None:
        """Let go; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        try:
            make_private(self._path.parent)
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unwritable(self._path, error) from error


def _unwritable(path: Path, error: OSError) -> StoreUnreachableError:
    return StoreUnreachableError(
        f"cannot write {path}: {error.strerror}; give this user write access to the folder, free "
        "space on its disk, or set LLMTRACE_HOME to another folder"
    )
