"""The reader of a home: asks its collector if one runs, else opens the file itself, each time anew.

Collectors may start and stop between two questions; whoever asks need not know.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Self, TypeVar

from llmtrace.errors import StoreUnreachableError
from llmtrace.store.adhoc import DEFAULT_MAX_ROWS, DEFAULT_TIMEOUT_S
from llmtrace.store.confined import ConfinedQueries
from llmtrace.store.discovery import find_collector, published_collector, reader_token
from llmtrace.store.local import LOCK_TIMEOUT_S, opened_file
from llmtrace.store.metrics import run_metrics
from llmtrace.store.own_sql import ask
from llmtrace.store.reading import DATABASE_FILE
from llmtrace.store.remote import RemoteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from llmtrace.config import CaptureContent, Secret
    from llmtrace.otlp.rows import Pricer
    from llmtrace.store.adhoc import Cancellation
    from llmtrace.store.metrics import MetricQuery
    from llmtrace.store.writer import Writer

_T = TypeVar("_T")


class HomeStore:
    """The store of one home, wherever it is open at the moment."""

    def __init__(
        self,
        home: Path,
        pricer: Pricer,
        *,
        token: Secret | None = None,
        capture: CaptureContent = "redacted",
        lock_timeout_s: float = LOCK_TIMEOUT_S,
    ) -> None:
        """Touch nothing yet.

        ``pricer`` prices calls in the spool that came without a cost; ``capture``: what is kept of
        the contents of other tools' spans there.
        """
        self._home = home
        self._pricer = pricer
        self._token = token
        self._capture: CaptureContent = capture
        self._lock_timeout_s = lock_timeout_s
        self._remote: RemoteStore | None = None

    @property
    def where(self) -> str:
        """Say where the next question goes: ``collector http://…`` or ``file …``."""
        remote = self._find()
        return f"file {self._home / DATABASE_FILE}" if remote is None else remote.where

    def sql(
        self,
        query: str,
        parameters: Sequence[object] = (),
        *,
        max_rows: int | None = DEFAULT_MAX_ROWS,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> pa.Table:
        """Run one SELECT (see ``Store.sql``)."""
        return self._ask(
            lambda store: store.sql(query, parameters, max_rows=max_rows, timeout_s=timeout_s)
        )

    def own_sql(
        self,
        query: str,
        parameters: Sequence[object] = (),
        *,
        max_rows: int | None = DEFAULT_MAX_ROWS,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> pa.Table:
        """Run one SELECT of ours (see ``own_sql``)."""
        return self._ask(
            lambda store: ask(store, query, parameters, max_rows=max_rows, timeout_s=timeout_s)
        )

    def confined(
        self,
        query: str,
        *,
        max_rows: int,
        timeout_s: float,
        max_bytes: int,
        cancellation: Cancellation,
    ) -> pa.Table:
        """Run one SELECT that somebody else wrote, never in this process (see ``confined``).

        The arguments are those of ``ConfinedQueries.sql``, and so is what is raised.
        """

        def ask(store: RemoteStore | Writer) -> pa.Table:
            limits: dict[str, Any] = {
                "max_rows": max_rows,
                "timeout_s": timeout_s,
                "max_bytes": max_bytes,
                "cancellation": cancellation,
            }
            if isinstance(store, RemoteStore):
                return store.sql(query, **limits)
            # No collector runs: as it would, and for the length of this query only.
            with closing(ConfinedQueries(store, keeps_spare=False)) as queries:
                return queries.sql(query, **limits)

        return self._ask(ask)

    def collector_status(self) -> dict[str, Any] | None:
        """Return what the running collector tells of itself (``/status``); None if none runs."""
        remote = self._find()
        return None if remote is None else remote.status()

    def metrics(self, query: MetricQuery) -> pa.Table:
        """Answer a question to the metric layer (see ``run_metrics``), where the file is open."""
        return self._ask(lambda store: run_metrics(store, query))

    def refresh(self) -> None:
        """Take in the spool."""
        self._ask(lambda store: store.refresh())

    def close(self) -> None:
        """Forget the collector."""
        self._remote = None

    def _ask(self, question: Callable[[RemoteStore | Writer], _T]) -> _T:
        remote = self._remote or self._find()
        if remote is not None:
            try:
                return question(remote)
            except StoreUnreachableError:
                # It may have stopped or moved since: look once more before giving up.
                self._remote = None
                if self._find() is None and published_collector(self._home) is not None:
                    raise
        with opened_file(
            self._home,
            self._pricer,
            capture=self._capture,
            lock_timeout_s=self._lock_timeout_s,
            give_up=lambda: self._find() is not None,
        ) as writer:
            if writer is not None:
                return question(writer)
        return question(self._found())

    def _find(self) -> RemoteStore | None:
        collector = find_collector(self._home)
        if collector is None:
            self._remote = None
        else:
            self._remote = RemoteStore(collector, reader_token(self._home, self._token))
        return self._remote

    def _found(self) -> RemoteStore:
        """Return the collector that made us give up waiting for the file."""
        remote = self._remote or self._find()
        if remote is None:
            raise StoreUnreachableError(
                f"the collector of {self._home} went away while it was asked; try again"
            )
        return remote

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
