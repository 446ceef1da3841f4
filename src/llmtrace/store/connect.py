"""``llmtrace.connect()``: SQL from Python and notebooks, as Arrow, pandas or plain rows.

Works with or without a running collector; the spool is taken in first. No writing here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from llmtrace.store import open_store
from llmtrace.store.adhoc import TRUNCATED_KEY

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from types import TracebackType

    import pandas as pd
    import pyarrow as pa

    from llmtrace.store.reading import Store


class Result:
    """The rows of one query."""

    def __init__(self, table: pa.Table) -> None:
        """Hold ``table``."""
        self._table = table

    @property
    def is_truncated(self) -> bool:
        """Whether rows were left off because of ``max_rows``."""
        return TRUNCATED_KEY in (self._table.schema.metadata or {})

    def arrow(self) -> pa.Table:
        """Return the rows as an Arrow table; money is decimal, exact."""
        return self._table

    def df(self) -> pd.DataFrame:
        """Return the rows as a pandas DataFrame; money stays ``decimal.Decimal``."""
        return self._table.to_pandas()

    def rows(self) -> list[dict[str, object]]:
        """Return the rows as dictionaries, column → Python value."""
        return self._table.to_pylist()

    def __repr__(self) -> str:
        """Show the size, as a notebook's last line would."""
        return f"<llmtrace result: {self._table.num_rows} rows, {self._table.num_columns} columns>"


class Connection:
    """An open store; ``with llmtrace.connect() as db: db.sql("select …").df()``."""

    def __init__(self, store: Store) -> None:
        """Read from ``store``."""
        self._store = store

    @property
    def where(self) -> str:
        """Say where the rows come from: ``collector http://…`` or ``file …``."""
        return self._store.where

    def sql(
        self,
        query: str,
        parameters: Sequence[object] = (),
        *,
        max_rows: int | None = None,
        timeout_s: float = 60.0,
    ) -> Result:
        """Run one SELECT. ``?`` stands for ``parameters``; ``max_rows`` None returns all rows.

        Raises QueryError if it is refused, wrong or slower than ``timeout_s``; StoreError if the
        store cannot be read.
        """
        return Result(self._store.sql(query, parameters, max_rows=max_rows, timeout_s=timeout_s))

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def __enter__(self) -> Self:
        """Return the connection itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


def connect(home: str | os.PathLike[str] | None = None) -> Connection:
    """Connect to the store of ``home`` (default: ``LLMTRACE_HOME``, else ``~/.llmtrace``)."""
    return Connection(open_store(Path(home) if home is not None else None))
