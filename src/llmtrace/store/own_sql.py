"""SQL that llmtrace wrote itself, run where the file is open: not in a process of its own.

What others write runs ``confined``, for its text says nothing of the memory and time it takes; that
costs a process, and one query runs at a time. A text from here is put together from our own parts
only, its values are bound, and what it takes is known. Whoever asks a collector says so: the token
with which it is asked allows to delete the store, so that nobody gains anything by claiming it.
What reads through all bodies of a range (a search for words) does not come here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from llmtrace.store.adhoc import DEFAULT_MAX_ROWS, DEFAULT_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import pyarrow as pa

    from llmtrace.store.reading import Store

_FIRST_LOOKS: Final = (timedelta(hours=1), timedelta(days=1))
_READ_LATE: Final = 50
"""DuckDB's ``late_materialization_max_rows``."""


@runtime_checkable
class OwnSqlHost(Protocol):
    """A ``Store`` that passes queries on, and with them that they are ours."""

    def own_sql(
        self,
        query: str,
        parameters: Sequence[object] = (),
        *,
        max_rows: int | None = DEFAULT_MAX_ROWS,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> pa.Table:
        """Run one SELECT of ours; see ``Store.sql``."""
        ...


def ask(
    store: Store,
    query: str,
    parameters: Sequence[object] = (),
    *,
    max_rows: int | None = DEFAULT_MAX_ROWS,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> pa.Table:
    """Run one SELECT of ours (see ``Store.sql``); no part of its text is a user's."""
    run = store.own_sql if isinstance(store, OwnSqlHost) else store.sql
    return run(query, parameters, max_rows=max_rows, timeout_s=timeout_s)


def ask_in_one_pass(store: Store, query: str, parameters: Sequence[object], limit: int) -> pa.Table:
    """Run a SELECT of ours of the first rows in some order, which ends in ``limit ?``.

    Of up to 50 rows DuckDB reads the columns in a second pass through the table, which is four
    times as dear as reading them at once where few columns are asked for, or few rows looked at.
    """
    return ask(store, query, [*parameters, max(limit, _READ_LATE + 1)]).slice(0, limit)


def newest(
    find: Callable[[datetime], pa.Table], start: datetime, end: datetime, limit: int
) -> pa.Table:
    """Return what ``find`` finds of a range, its newest rows first, looking at its end first.

    ``find`` returns at most ``limit`` rows that began at a time or later. As many as that of the
    last hour, or day, are the newest of the month too, which takes a hundred times as long.
    """
    for reach in _FIRST_LOOKS:
        if end - start > 2 * reach:
            found = find(end - reach)
            if found.num_rows >= limit:
                return found
    return find(start)
