"""Which files beside the store still hold some bytes: the id of a user who was forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.spool.keeping import FORWARD
from llmtrace.store.dead_letters import DEAD_LETTERS
from llmtrace.store.drain import SPOOL, WAL
from llmtrace.store.saved_queries import QUERIES_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PATTERNS: Final = (
    f"{SPOOL}/*.seg",
    f"{WAL}/*.seg",
    "outbox/*/*.seg",
    f"{FORWARD}/*/*.seg",
    f"{DEAD_LETTERS}/*.otlp",
    QUERIES_FILE,
)
_PIECE_BYTES: Final = 4 * 1024 * 1024


def files_that_mention(home: Path, text: str) -> list[str]:
    """Return the files (segments, dead letters, saved queries) with ``text``, as paths below."""
    wanted = text.encode()
    return [
        path.relative_to(home).as_posix()
        for pattern in _PATTERNS
        for path in sorted(home.glob(pattern))
        if _holds(path, wanted)
    ]


def kept_stores(home: Path) -> list[str]:
    """Return the store files that ``llmtrace restore`` put aside in this home."""
    return sorted(path.name for path in home.glob("*.replaced-*"))


def _holds(path: Path, wanted: bytes) -> bool:
    try:
        return any(wanted in piece for piece in _pieces(path, len(wanted)))
    except FileNotFoundError:
        return False  # applied and removed meanwhile


def _pieces(path: Path, overlap: int) -> Iterator[bytes]:
    """Read a file in pieces that overlap, so that nothing is cut in two."""
    with path.open("rb") as file:
        tail = b""
        while piece := file.read(_PIECE_BYTES):
            yield tail + piece
            tail = piece[-overlap:]
