"""Runs one query from outside the writer: checked by ``gate``, read only, bounded.

Bounded in rows, bytes and seconds. Not a wall against memory: DuckDB cannot interrupt one scalar
call that builds a huge string; queries that may make one run ``confined``.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from llmtrace.errors import QueryError, QueryMemoryError
from llmtrace.store import deadlines
from llmtrace.store._connection import (
    Connection,
    DatabaseError,
    InterruptError,
    OutOfMemoryError,
)
from llmtrace.store.arrow_types import check_types
from llmtrace.store.gate import check, shortened
from llmtrace.store.parameters import as_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import pyarrow as pa

DEFAULT_MAX_ROWS: Final = 10_000
DEFAULT_TIMEOUT_S: Final = 30.0
TRUNCATED_KEY: Final = b"llmtrace.truncated"
"""Set to ``true`` in the metadata of a result's schema when rows were left off."""
# What ILIKE means, for a cursor's own use. So DuckDB looks for a constant text as fast as memory
# is read; its own operator compares character by character (a day of prompts: 240 ms for 575).
_ILIKE: Final = (
    'create or replace temp macro "~~*"(value, pattern) as lower(value) like lower(pattern)'
)


class Cancellation:
    """Ends one query from another thread, before or while it runs."""

    def __init__(self) -> None:
        """Nothing is cancelled yet."""
        self._lock = threading.Lock()
        self._interrupt: Callable[[], None] | None = None
        self.is_asked = False

    def cancel(self) -> None:
        """Ask the query to end; again, if it was between two statements and did not hear it."""
        with self._lock:
            self.is_asked = True
            if self._interrupt is not None:
                self._interrupt()

    @contextmanager
    def watching(self, interrupt: Callable[[], None]) -> Generator[None]:
        """Let ``cancel`` call ``interrupt`` within the block. Raises QueryError if asked before."""
        with self._lock:
            if self.is_asked:
                raise QueryError("the query was cancelled")
            self._interrupt = interrupt
        try:
            yield
        finally:
            with self._lock:
                self._interrupt = None


def run_query(
    cursor: Connection,
    query: str,
    parameters: Sequence[object] = (),
    *,
    max_rows: int | None = DEFAULT_MAX_ROWS,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    max_bytes: int | None = None,
    cancellation: Cancellation | None = None,
) -> pa.Table:
    """Run one SELECT or EXPLAIN on a cursor of its own and return its rows.

    At most ``max_rows`` rows (None: all); if there were more, the schema's metadata says so
    (``TRUNCATED_KEY``). Raises QueryError if the query is refused, wrong, slower than
    ``timeout_s`` seconds, cancelled, or its rows take more than ``max_bytes`` bytes (None: no
    limit): half an answer of large rows is of no use.
    """
    if cancellation is not None:
        with cancellation.watching(cursor.interrupt):
            return run_query(
                cursor,
                query,
                parameters,
                max_rows=max_rows,
                timeout_s=timeout_s,
                max_bytes=max_bytes,
            )
    check(cursor, query)
    deadline = deadlines.start(timeout_s, cursor.interrupt)
    try:
        return _read(cursor, query, parameters, max_rows, max_bytes)
    except InterruptError as error:
        if deadline.is_over:
            raise QueryError(
                f"the query ran longer than {timeout_s:.3g} s and was stopped; "
                "ask for a shorter range of time, or allow more"
            ) from error
        raise QueryError("the query was interrupted; try again") from error
    except OutOfMemoryError as error:
        raise QueryMemoryError(
            "the query needs more memory than there is for it here; "
            "ask for fewer rows, shorter texts, or a shorter range of time"
        ) from error
    except DatabaseError as error:
        raise QueryError(shortened(str(error))) from error
    finally:
        deadlines.end(deadline)


def _read(
    cursor: Connection,
    query: str,
    parameters: Sequence[object],
    max_rows: int | None,
    max_bytes: int | None,
) -> pa.Table:
    if "ilike" in query.lower():
        cursor.execute(_ILIKE)
    cursor.execute("begin transaction read only")
    try:
        result = cursor.execute(query, [as_stored(value) for value in parameters])
        check_types(result)
        if max_rows is None and max_bytes is None:
            return result.to_arrow_table()
        return _at_most(result, max_rows, max_bytes)
    finally:
        cursor.execute("rollback")


def _at_most(result: Connection, max_rows: int | None, max_bytes: int | None) -> pa.Table:
    """Fetch batches until one row more than allowed has been seen. Raises QueryError."""
    import pyarrow as pa  # noqa: PLC0415  # only now: checking a query needs none of it

    # Small batches where bytes are bounded: one of 100 000 prompts would be gigabytes already.
    batch_rows = 100_000 if max_bytes is None else 2_048
    reader = result.to_arrow_reader(
        batch_rows if max_rows is None else min(max_rows + 1, batch_rows)
    )
    batches: list[pa.RecordBatch] = []
    seen = size = 0
    for batch in reader:
        batches.append(batch)
        seen += batch.num_rows
        size += batch.nbytes
        if max_bytes is not None and size > max_bytes:
            raise QueryError(
                f"the rows take more than {max_bytes} bytes; "
                "ask for fewer rows or columns, or without contents"
            )
        if max_rows is not None and seen > max_rows:
            break
    table = pa.Table.from_batches(batches, schema=reader.schema)
    if max_rows is None or seen <= max_rows:
        return table
    metadata = {**(table.schema.metadata or {}), TRUNCATED_KEY: b"true"}
    return table.slice(0, max_rows).replace_schema_metadata(metadata)
