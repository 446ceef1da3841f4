"""A reader that opens the store file itself, because no collector runs.

Every operation takes the lock, opens the file, takes in the spool, reads, and lets go, so that
several programs and a collector that starts later can take turns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from llmtrace.store.adhoc import DEFAULT_MAX_ROWS, DEFAULT_TIMEOUT_S
from llmtrace.store.drain import Drain
from llmtrace.store.lock import StoreLock
from llmtrace.store.reading import DATABASE_FILE
from llmtrace.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from llmtrace.otlp.rows import Pricer

_T = TypeVar("_T")
LOCK_TIMEOUT_S = 10.0


class LocalStore:
    """The store file, opened for the length of each operation."""

    def __init__(
        self, home: Path, pricer: Pricer, *, lock_timeout_s: float = LOCK_TIMEOUT_S
    ) -> None:
        """Read the store of ``home``; nothing is opened yet.

        ``pricer`` prices calls in the spool that came without a cost.
        """
        self._home = home
        self._pricer = pricer
        self._lock_timeout_s = lock_timeout_s

    @property
    def where(self) -> str:
        """Name the file."""
        return f"file {self._home / DATABASE_FILE}"

    def sql(
        self,
        query: str,
        parameters: Sequence[object] = (),
        *,
        max_rows: int | None = DEFAULT_MAX_ROWS,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> pa.Table:
        """Take in the spool, then run one SELECT (see ``Store.sql``)."""
        return self._with_writer(
            lambda writer: writer.sql(query, parameters, max_rows=max_rows, timeout_s=timeout_s)
        )

    def refresh(self) -> None:
        """Take in the spool."""
        self._with_writer(lambda _: None)

    def close(self) -> None:
        """Do nothing: nothing is held between operations."""

    def _with_writer(self, work: Callable[[Writer], _T]) -> _T:
        lock = StoreLock(self._home)
        lock.acquire("reader", timeout_s=self._lock_timeout_s)
        try:
            with Writer(self._home / DATABASE_FILE) as writer:
                Drain(self._home, writer, self._pricer).run()
                return work(writer)
        finally:
            lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
