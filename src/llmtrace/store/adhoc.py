"""The one gate that every query from outside the writer passes: one SELECT, read only, bounded.

Four walls, each of which holds alone against most of what is tried: the statement's type, its
functions, a READ ONLY transaction, and a connection whose external access is off and whose
configuration is locked (``_connection``). Not a wall against memory: DuckDB cannot interrupt one
scalar call that builds a huge string.
"""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace.errors import QueryError
from llmtrace.store._connection import (
    CATALOG,
    Connection,
    DatabaseError,
    InterruptError,
    StatementType,
)
from llmtrace.store.parameters import as_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    import pyarrow as pa

DEFAULT_MAX_ROWS: Final = 10_000
DEFAULT_TIMEOUT_S: Final = 30.0
TRUNCATED_KEY: Final = b"llmtrace.truncated"
"""Set to ``true`` in the metadata of a result's schema when rows were left off."""

_ALLOWED: Final = frozenset({StatementType.SELECT, StatementType.EXPLAIN})
# PRAGMA and CALL of some names are rewritten into a SELECT before their type can be seen.
_FIRST_WORDS: Final = frozenset(
    {
        "select",
        "with",
        "from",
        "values",
        "table",
        "show",
        "describe",
        "desc",
        "summarize",
    }
    | {"explain", "unpivot"}
)
_LEADING: Final = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*", re.DOTALL)
_WORD: Final = re.compile(r"[a-zA-Z]+")
# External access is off, so that none of these could read a file. They are refused by name too:
# some tell paths or settings of this machine, and one wall is not enough.
_REFUSED: Final = re.compile(
    r"(?i)read_\w+|\w+_scan|glob|sniff_csv|parquet_\w+|query|query_table|getenv|getvariable"
    r"|duckdb_(?:databases|settings|secrets|extensions|logs?|log_contexts|temporary_files)"
    r"|pragma_\w*database\w*|which_secret|write_log|json_execute_serialized_sql|nextval"
    r"|current_setting|pg_settings|force_checkpoint|checkpoint"
)
_PATH: Final = re.compile(r"(?<![\w.])/(?:[^\s'\"/]+/)+[^\s'\",;)]*")
_LONGEST_MESSAGE: Final = 400


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
    expired = threading.Event()

    def stop() -> None:
        expired.set()
        cursor.interrupt()

    timer = threading.Timer(timeout_s, stop)
    timer.daemon = True
    timer.start()
    try:
        return _read(cursor, query, parameters, max_rows, max_bytes)
    except InterruptError as error:
        if expired.is_set():
            raise QueryError(
                f"the query ran longer than {timeout_s:g} s and was stopped; "
                "ask for a shorter range of time, or allow more"
            ) from error
        raise QueryError("the query was interrupted; try again") from error
    except DatabaseError as error:
        raise QueryError(_shortened(str(error))) from error
    finally:
        timer.cancel()


def check(cursor: Connection, query: str) -> None:
    """Raise QueryError unless ``query`` is exactly one statement that only reads tables."""
    try:
        statements = cursor.extract_statements(query)
    except DatabaseError as error:
        raise QueryError(_shortened(str(error))) from error
    if not statements:
        raise QueryError("the query is empty; write a SELECT")
    if len(statements) > 1:
        raise QueryError(f"{len(statements)} statements were given; write exactly one SELECT")
    leading = _LEADING.match(query)
    word = _WORD.match(query, leading.end() if leading else 0)
    first = word[0].lower() if word else ""
    if statements[0].type not in _ALLOWED or first not in _FIRST_WORDS:
        raise QueryError(
            f"only reading is allowed, this is {first.upper() or 'no query'}; "
            "write a SELECT (also WITH, FROM, VALUES, SHOW, DESCRIBE, SUMMARIZE, EXPLAIN)"
        )
    for name in _names(cursor, query):
        if _REFUSED.fullmatch(name):
            raise QueryError(
                f"{name} is not allowed in queries: it can reach beyond the store; "
                "read the store's views and tables only"
            )


def _names(cursor: Connection, query: str) -> Iterator[str]:
    """Yield the names of all functions and tables of a query; of EXPLAIN, of what it explains."""
    plain = re.sub(r"(?i)^\s*explain(\s+analyze)?\b(\s*\([^)]*\))?", "", query)
    row = cursor.execute("select json_serialize_sql(?)", [plain]).fetchone()
    waiting: list[object] = [json.loads(row[0]) if row else None]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(cast("list[object]", node))
        elif isinstance(node, dict):
            entries = cast("dict[str, Any]", node)
            for key in ("function_name", "table_name"):
                value = entries.get(key)
                if isinstance(value, str):
                    yield value.strip('"')
            waiting.extend(entries.values())


def _read(
    cursor: Connection,
    query: str,
    parameters: Sequence[object],
    max_rows: int | None,
    max_bytes: int | None,
) -> pa.Table:
    cursor.execute("begin transaction read only")
    try:
        result = cursor.execute(query, [as_stored(value) for value in parameters])
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


def _shortened(message: str) -> str:
    """Keep what helps (text and the marked line), without paths of this machine."""
    text = _PATH.sub("…", message.strip()).replace(f'"{CATALOG}".', "")
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"
