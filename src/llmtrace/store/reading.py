"""What a reader of the store is: the ``Store`` protocol, and where a home keeps its files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from llmtrace.store.adhoc import DEFAULT_MAX_ROWS, DEFAULT_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

DATABASE_FILE: Final = "llmtrace.duckdb"


class Store(Protocol):
    """Read access to the store, wherever it is open."""

    @property
    def where(self) -> str:
        """Say where the rows come from: ``collector http://…`` or ``file …``."""
        ...

    def sql(
        self,
        query: str,
        parameters: Sequence[object] = (),
        *,
        max_rows: int | None = DEFAULT_MAX_ROWS,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> pa.Table:
        """Run one SELECT and return its rows.

        ``?`` in the query stands for ``parameters``, in order. At most ``max_rows`` rows (None:
        all); when rows were left off the schema's metadata has ``llmtrace.truncated``.
        Raises QueryError (refused, wrong, slower than ``timeout_s`` seconds) or StoreError.
        """
        ...

    def refresh(self) -> None:
        """Take in what apps have written to the spool by now."""
        ...

    def close(self) -> None:
        """Let go of the store; a second call does nothing."""
        ...
