"""The open file, lent to another process that reads what is committed now.

DuckDB lets nobody else open a file that it writes to, because a checkpoint gives blocks that a
reader may still need to new rows. So none happens while the file is lent: the lender keeps a write
transaction open that changed a row to what it was and is rolled back, which holds DuckDB's
checkpoint lock; commits go to the log meanwhile. DuckDB's lock on the file, a POSIX one that is
this process's whichever descriptor took it, is made a shared one for as long, so that a reader gets
in and a second writer still does not.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from llmtrace.errors import StoreUnreachableError
from llmtrace.store._connection import DatabaseError
from llmtrace.store.exchange import log_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llmtrace.store._connection import Connection

HEADER_BYTES: Final = 3 * 4096
"""A checkpoint writes one of the headers at the file's beginning, and nothing else does."""
# The reader takes what is in the log into its memory: 8 MB in some 0.1 s, as a checkpoint does.
_LONG_LOG_BYTES: Final = 8 * 1024 * 1024


class FileLock:
    """Makes the process's lock on the file a shared one and exclusive again.

    Its descriptor stays open as long as DuckDB has the file: to close any descriptor of a file
    gives up all of a process's locks on it.
    """

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is touched yet."""
        self._path = path
        self._descriptor: int | None = None

    def share(self) -> None:
        """Let readers in. Raises StoreUnreachableError where the file system has no locks."""
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
            fcntl.lockf(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreUnreachableError(
                f"cannot let another process read {self._path}: {error.strerror}; "
                "keep the store on a local disk"
            ) from error

    def keep(self) -> None:
        """Keep others out again; somebody else's reader that got in meanwhile may stay."""
        if self._descriptor is not None:
            with suppress(OSError):
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Let go, after DuckDB has closed the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def lend(
    owner: Connection,
    keeper: Connection,
    path: Path,
    lock: FileLock,
    open_it: Callable[[Path], None],
) -> None:
    """Have ``open_it`` open the file; until ``keeper`` rolls back there is no checkpoint.

    The caller lets no transaction run meanwhile.
    """
    log = log_of(path)
    length = log.stat().st_size if log.exists() else 0
    # A checkpoint that meets a full disk ends DuckDB's use of the file.
    if length > _LONG_LOG_BYTES and shutil.disk_usage(path.parent).free > 2 * length:
        # Refused while another reads; the log is only longer then.
        with suppress(DatabaseError):
            owner.execute("checkpoint")
    keeper.execute("begin transaction")
    keeper.execute("update _meta set value = value where key = 'schema_version'")
    lock.share()
    try:
        open_it(path)
    except BaseException:
        keeper.execute("rollback")
        lock.keep()
        raise
