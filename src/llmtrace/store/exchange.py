"""Files of a store on the disk: made durable, and one put in the place of another at once.

DuckDB's log (``….wal``) belongs to one file: beside another file of that name it would be taken
for its own, so that a file is exchanged only when there is none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmtrace.errors import StoreUnreachableError

if TYPE_CHECKING:
    from pathlib import Path


def log_of(path: Path) -> Path:
    """Return where DuckDB keeps the log of a file."""
    return path.with_name(f"{path.name}.wal")


def remove_store(path: Path) -> None:
    """Remove a store file that nobody needs, and its log first."""
    log_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def exchange_file(made: Path, path: Path) -> None:
    """Put ``made`` in the place of ``path``; both are closed. A kill leaves one or the other.

    Raises StoreUnreachableError if one of them has a log, or the disk refuses; ``path`` is then as
    it was.
    """
    for each in (made, path):
        if log_of(each).exists():
            raise StoreUnreachableError(
                f"{log_of(each)} is still there, so that {each} is not whole without it; "
                "free space on its disk and try again"
            )
    try:
        sync(made)
        made.replace(path)
        sync(path.parent)
    except OSError as error:
        raise StoreUnreachableError(
            f"cannot replace {path}: {error.strerror}; free space on its disk and try again"
        ) from error


def sync(path: Path) -> None:
    """Return when a file, or the names in a folder, are on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
