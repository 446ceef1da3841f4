"""Cuts a table into stretches of time of some thousand rows: each is one bounded transaction.

A transaction over millions of rows would hold up ingestion and fill the memory.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmtrace.store.writer import Writer

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
    low, high = start or datetime.min, end or datetime.max  # noqa: DTZ901  # naive UTC, as stored
    query = (
        "select date_trunc('minute', start_time) as minute, count(*) as rows "  # noqa: S608  # names and conditions of ours
        f"from {table} where start_time >= ? and start_time < ? and ({where}) "
        "group by minute order by minute"
    )
    bounds = [max(low, _YEAR_1), min(high, _YEAR_9999), *parameters]
    found = writer.transaction(lambda transaction: transaction.execute(query, bounds)).to_pylist()
    slices: list[Slice] = []
    pending = 0
    begun: datetime | None = None
    for number, row in enumerate(found):
        minute: datetime = row["minute"]
        begun = begun or max(minute, low)
        pending += row["rows"]
        if pending >= rows or number == len(found) - 1:
            slices.append(Slice(begun, min(minute + _GRAIN, high), pending))
            begun, pending = None, 0
    return slices


_YEAR_1: Final = datetime(1, 1, 2, tzinfo=UTC).replace(tzinfo=None)
_YEAR_9999: Final = datetime(9999, 1, 1, tzinfo=UTC).replace(tzinfo=None)
