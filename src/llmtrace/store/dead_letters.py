"""Requests that could not be read or stored: put aside as they came, for people, with the reason.

``deadletter/<segment>-<end>.otlp`` is the request, ``….why`` beside it says why it is there.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from llmtrace.errors import SegmentError
from llmtrace.spool import make_private

if TYPE_CHECKING:
    from pathlib import Path

DEAD_LETTERS: Final = "deadletter"
_LONGEST_REASON: Final = 1_000


def put_aside(home: Path, name: str, payload: bytes, reason: str) -> Path:
    """Write a request to ``<name>.otlp`` and return its path. Raises SegmentError."""
    path = home / DEAD_LETTERS / f"{name}.otlp"
    try:
        make_private(path.parent)
        _write(path, payload)
    except OSError as error:
        raise SegmentError(
            f"cannot put aside {path}: {error.strerror}; check the folder and its disk"
        ) from error
    # The request is what counts; without the note it can still be tried again.
    with suppress(OSError):
        _write(path.with_suffix(".why"), reason.encode("utf-8", "replace"))
    return path


def letters(home: Path) -> list[Path]:
    """Return the requests that lie aside, oldest first."""
    return sorted((home / DEAD_LETTERS).glob("*.otlp"))


def content_of(path: Path) -> bytes:
    """Return a request. Raises SegmentError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SegmentError(
            f"cannot read {path}: {error.strerror}; check its permissions and the disk"
        ) from error


def reason_of(path: Path) -> str | None:
    """Return why a request was put aside; None if nothing says so."""
    try:
        with path.with_suffix(".why").open("rb") as file:
            return file.read(_LONGEST_REASON).decode("utf-8", "replace")
    except OSError:
        return None


def remove(path: Path) -> None:
    """Remove a request and its reason. Raises SegmentError."""
    try:
        path.unlink(missing_ok=True)
        path.with_suffix(".why").unlink(missing_ok=True)
    except OSError as error:
        raise SegmentError(
            f"cannot remove {path}: {error.strerror}; check the permissions of its folder"
        ) from error


def _write(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
