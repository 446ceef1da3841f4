"""``llmtrace.connect()``: SQL and metrics from Python and notebooks, as Arrow, pandas or rows.

Works with or without a running collector; the spool is taken in first. No writing here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from llmtrace.clock import SystemClock
from llmtrace.errors import QueryError
from llmtrace.store import open_store
from llmtrace.store.adhoc import TRUNCATED_KEY
from llmtrace.store.metrics import MetricQuery, run_metrics
from llmtrace.store.time_range import until_now

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

    import pandas as pd
    import pyarrow as pa

    from llmtrace.clock import Clock
    from llmtrace.store.metric_time import Grain
    from llmtrace.store.reading import Store

    Chosen = str | None | Sequence[str | None]
    """Values to keep of a dimension; None: has no such attribute."""
DEFAULT_LAST: Final = "7d"


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

    def __init__(self, store: Store, clock: Clock | None = None) -> None:
        """Read from ``store``; ``clock`` says what ``last`` counts back from."""
        self._store = store
        self._clock = clock or SystemClock()

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

    def metrics(
        self,
        *measures: str,
        by: str | Sequence[str] = (),
        last: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        grain: Grain | None = None,
        timezone: str = "UTC",
        filters: Mapping[str, Chosen] | None = None,
        top: int | None = None,
    ) -> pd.DataFrame:
        """Ask the metric layer, as the dashboards and ``llmtrace report`` do.

        ``db.metrics("cost", by="model", last="30d")``: one row a model, the dearest first.
        Columns: ``time`` (UTC, with ``grain``), the dimensions, the measures, and
        ``unpriced_count`` beside money. Money is ``decimal.Decimal``; unknown is None or NaN,
        never 0. A group without the attribute has None as its name.

        Args:
            measures: Names in ``llmtrace.store.metric_definitions.MEASURES``.
            by: Dimensions, as ``"model"`` or ``("tenant", "tag.team")``.
            last: Length of time until now, as ``90m``, ``24h``, ``7d``; default 7d.
            start: Instead of ``last``: aware; calls that started then are in.
            end: Aware; calls that started then are out; default now. Needs ``start``.
            grain: ``minute``, ``hour``, ``day``, ``week`` or ``month``; a row for each.
            timezone: Where a day, week or month begins, as ``Europe/Berlin``.
            filters: Dimension → value, or values of which a call must have one.
            top: Keep so many values of the one dimension; the others become ``(other)``.

        Raises QueryError naming what is unknown and what is near, StoreError.
        """
        begin, until = self._range(last, start, end)
        dimensions = (by,) if isinstance(by, str) else tuple(by)
        query = MetricQuery(
            measures=measures,
            start=begin,
            end=until,
            by=dimensions,
            grain=grain,
            timezone=timezone,
            filters={name: _values(chosen) for name, chosen in (filters or {}).items()},
            top=top,
            order_by=(f"-{measures[0]}",) if measures and dimensions and grain is None else (),
        )
        return run_metrics(self._store, query).to_pandas()

    def _range(
        self, last: str | None, start: datetime | None, end: datetime | None
    ) -> tuple[datetime, datetime]:
        if start is None:
            if end is not None:
                raise QueryError("end needs start; give both, or last")
            return until_now(last or DEFAULT_LAST, self._clock.now())
        if last is not None:
            raise QueryError(f"last={last!r} and start are two answers; give one")
        return start, end or until_now(DEFAULT_LAST, self._clock.now())[1]

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


def _values(chosen: Chosen) -> Sequence[str | None]:
    return (chosen,) if chosen is None or isinstance(chosen, str) else tuple(chosen)
