"""Small files of a home that only its user may read, replaced whole or not at all."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llmtrace.errors import StoreUnreachableError
from llmtrace.spool import make_private

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace a file by one of mode 0600, in a folder that is made if need be.

    Readers see the old or the new one. Raises StoreUnreachableError.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        make_private(path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with os.fdopen(os.open(temporary, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StoreUnreachableError(
            f"cannot write {path}: {error.strerror}; give this user write access to the folder, "
            "free space on its disk, or set LLMTRACE_HOME to another folder"
        ) from error


@contextmanager
def changing(path: Path) -> Generator[None]:
    """Keep others, of any process, from writing between our reading of a file and our writing.

    Only who asks is kept: readers need not. The lock is a file beside it, for the file itself is
    replaced. Raises StoreUnreachableError.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        make_private(path.parent)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnreachableError(
            f"cannot write {lock}: {error.strerror}; give this user write access to the folder, "
            "or set LLMTRACE_HOME to another folder"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
