"""Cuts a table into stretches of time of some thousand rows: each is one bounded transaction.

A transaction over millions of rows would hold up ingestion and fill the memory.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmtrace.store.writer import Transaction, Writer

ROWS: Final = 20_000
_GRAIN: Final = timedelta(minutes=1)


class Slice(NamedTuple):
    """Rows of one table with ``start <= start_time < end``; naive UTC, as stored."""

    start: datetime
    end: datetime
    rows: int


def time_slices(
    writer: Writer,
    table: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    where: str = "true",
    parameters: Sequence[object] = (),
    rows: int = ROWS,
) -> list[Slice]:
    """Return the slices of a table of ours that have rows, oldest first.

    ``start`` (inclusive) and ``end`` (exclusive) are naive UTC; ``where`` is SQL of ours. A slice
    ends at the first full minute after ``rows`` rows.
    """
    low, high = max(start or FIRST, FIRST), min(end or LAST, LAST)
    query = (
        "select date_trunc('minute', start_time) as minute, count(*) as rows "  # noqa: S608  # names and conditions of ours
        f"from {table} where start_time >= ? and start_time < ? and ({where}) "
        "group by minute order by minute"
    )
    bounds = [low, high, *parameters]
    found = writer.transaction(lambda transaction: transaction.execute(query, bounds))
    return join_minutes(found.to_pylist(), low, high, rows)


def all_slices(source: Transaction, table: str, *, rows: int = ROWS) -> list[Slice]:
    """Return the slices of all rows of a table, in a transaction that is open already."""
    query = (
        "select date_trunc('minute', start_time) as minute, count(*) as rows "  # noqa: S608  # a table of ours
        f"from {table} group by minute order by minute"
    )
    return join_minutes(source.execute(query).to_pylist(), FIRST, LAST, rows)


def join_minutes(
    minutes: Sequence[Mapping[str, Any]], low: datetime, high: datetime, rows: int
) -> list[Slice]:
    """Join rows of ``minute`` and ``rows``, in order, to slices between two bounds."""
    slices: list[Slice] = []
    pending = 0
    begun: datetime | None = None
    for number, row in enumerate(minutes):
        minute: datetime = row["minute"]
        begun = begun or max(minute, low)
        pending += row["rows"]
        if pending >= rows or number == len(minutes) - 1:
            slices.append(Slice(begun, min(minute + _GRAIN, high), pending))
            begun, pending = None, 0
    return slices


# Beyond what a span can have, and far enough from Python's ends for arithmetic.
FIRST: Final = datetime(1, 1, 2, tzinfo=UTC).replace(tzinfo=None)
LAST: Final = datetime(9999, 1, 1, tzinfo=UTC).replace(tzinfo=None)
