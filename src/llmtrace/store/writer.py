"""The store's write side: spans in, each exactly once, whatever was sent twice or cut short.

A writer owns the open file; one transaction runs at a time, whichever thread asks. Rows and the
position up to which their segment is applied are one transaction. A request that was stored
before is known by the hash of its bytes; a span that arrives again in another request by an
anti-join on (trace_id, span_id) bounded by the batch's start times; for results of a provider's
batch API, whose time may be that of their fetch, by as long as they can be fetched.
A call that two tools told of counts once: see ``counted_once``.
It does not decode, price or read segments: that is ``drain``.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from llmtrace.clock import Clock, SystemClock
from llmtrace.errors import StoreError, StoreUnreachableError
from llmtrace.store._connection import (
    DatabaseError,
    another_cursor,
    is_disk_error,
    is_fatal,
    is_memory_error,
    open_database,
)
from llmtrace.store.adhoc import DEFAULT_MAX_ROWS, DEFAULT_TIMEOUT_S, Cancellation, run_query
from llmtrace.store.batch import batch_of
from llmtrace.store.counted_once import count_once, has_foreign_calls
from llmtrace.store.cursor import Cursor, in_transaction
from llmtrace.store.exchange import exchange_file
from llmtrace.store.gate import check
from llmtrace.store.inserting import append_batch, remember, without_stored
from llmtrace.store.kept_statements import KeptStatements
from llmtrace.store.lending import FileLock, lend
from llmtrace.store.memory_limit import MemoryLimit
from llmtrace.store.migrate import migrate
from llmtrace.store.readers import Readers
from llmtrace.store.rollups import FOLD_ROWS, bring_up_to_date, fold, loose_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from llmtrace.otlp.rows import SpanRow
    from llmtrace.store.batch import Batch

_T = TypeVar("_T")
_EXCHANGE_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inserted:
    """What one insert did."""

    stored: int = 0
    duplicates: int = 0
    """Spans that were in the store already, or twice in the batch."""


class Transaction(Protocol):
    """What ``Writer.transaction`` hands to its function."""

    def execute(
        self,
        sql: str,
        parameters: Sequence[object] = (),
        *,
        incoming: pa.Table | None = None,
    ) -> pa.Table:
        """Run one statement, which may read ``incoming``, and return its rows (maybe none)."""
        ...

    def take_in(self, sql: str, rows: pa.Table) -> pa.Table:
        """Run a statement that comes often and reads ``rows``, its ``{incoming}``, alone.

        Nothing stored: it is planned once, and what is stored then changes.
        """
        ...

    def append(self, table: str, rows: pa.Table) -> None:
        """Add rows to a table of the store, matched by column name."""
        ...


class Writer:
    """The open store file. Also a ``Store``: ``sql`` reads what is committed."""

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        """Open or create the file and bring its schema up to date.

        Raises StoreUnreachableError (cannot open) or StoreVersionError (newer schema).
        The caller holds ``store.lock``.
        """
        self._path = path
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        """Held by whoever changes rows or the file."""
        self._opening = threading.Lock()
        """Held while rows change, or the file is lent or exchanged; not while it is copied, so that
        a borrower does not wait for that, inside, until the exchange has waited for it in vain."""
        self._readers = Readers()
        self._memory = MemoryLimit()
        self._connection = open_database(path)
        self._kept = KeptStatements(self._connection)
        self._file_lock = FileLock(path)
        self._is_broken = False
        self._has_foreign_calls: bool | None = None
        self._loose_rollups: int | None = None
        try:
            self.schema = migrate(self._connection)
            in_transaction(self._connection, self._kept, bring_up_to_date)
        except BaseException:
            self._connection.close()
            raise

    @property
    def where(self) -> str:
        """Say where the rows are, for people."""
        return f"file {self._path}"

    def insert(
        self,
        rows: Sequence[SpanRow],
        *,
        batch_hashes: Sequence[bytes] = (),
        offsets: Mapping[str, int] | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> Inserted:
        """Store rows, remember request hashes, segment positions and counts: all or nothing.

        Args:
            rows: spans; those already stored are left as they are.
            batch_hashes: 16-byte hashes of the requests that ``rows`` came in.
            offsets: segment name → bytes applied.
            counts: reason → how many, added to the totals in the store.

        """
        stored = self.insert_batch(
            batch_of([rows]), batch_hashes=batch_hashes, offsets=offsets, counts=counts
        )
        return Inserted(stored=stored, duplicates=len(rows) - stored)

    def insert_batch(
        self,
        batch: Batch,
        *,
        batch_hashes: Sequence[bytes] = (),
        offsets: Mapping[str, int] | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> int:
        """Store a batch as ``insert`` does; return how many of its spans were not stored before."""

        def work(transaction: Transaction) -> int:
            now = self._clock.now().replace(tzinfo=None)
            fresh = without_stored(transaction, batch)
            fresh = self._each_call_once(transaction, fresh)
            self._roll_up(transaction, append_batch(transaction, fresh, now))
            remember(transaction, batch_hashes, offsets or {}, counts or {}, now)
            return fresh.spans

        return self.transaction(work)

    def known_batches(self, hashes: Sequence[bytes]) -> set[bytes]:
        """Return those of the 16-byte hashes whose requests are stored."""
        if not hashes:
            return set()
        found = self.transaction(
            lambda transaction: transaction.execute(
                "select replace(batch_hash::varchar, '-', '') as hash from _batches "
                "where batch_hash in (select unnest(?::uuid[]))",
                [[value.hex() for value in hashes]],
            )
        )
        return {bytes.fromhex(value) for value in found.column("hash").to_pylist()}

    def offsets(self) -> dict[str, int]:
        """Return up to which byte each segment is applied; those not named are at 0."""
        found = self.transaction(
            lambda transaction: transaction.execute("select name, byte_offset from _segments")
        )
        names, positions = found.column("name"), found.column("byte_offset")
        return dict(zip(names.to_pylist(), positions.to_pylist(), strict=True))

    def forget_segments(self, names: Sequence[str]) -> None:
        """Drop the positions of segments whose files are gone."""
        self.transaction(
            lambda transaction: transaction.execute(
                "delete from _segments where name in (select unnest(?::varchar[]))", [list(names)]
            )
        )

    def forget_batches(self, *, before: datetime) -> None:
        """Drop the hashes of requests received before a time (aware): clients retry for minutes."""
        self.transaction(
            lambda transaction: transaction.execute(
                "delete from _batches where received_at < ?",
                [before.astimezone(UTC).replace(tzinfo=None)],
            )
        )

    def counts(self) -> dict[str, int]:
        """Return what ingestion refused, repaired or found damaged so far, by reason."""
        try:
            with self.snapshot() as transaction:  # so that no health check waits for a writer
                found = transaction.execute("select name, total from _counts order by name")
        except DatabaseError as error:
            raise _as_store_error(self._path, error) from error
        names, totals = found.column("name"), found.column("total")
        return dict(zip(names.to_pylist(), totals.to_pylist(), strict=True))

    def transaction(self, work: Callable[[Transaction], _T]) -> _T:
        """Run ``work`` in one write transaction; what it raises rolls everything back.

        Safe from any thread; callers take turns.
        """
        with self._lock, self._opening:
            try:
                if self._is_broken:
                    self._reopen()
                return in_transaction(self._connection, self._kept, work)
            except DatabaseError as error:
                self._note(error)
                raise _as_store_error(self._path, error) from error

    def sql(
        self,
        query: str,
        parameters: Sequence[object] = (),
        *,
        max_rows: int | None = DEFAULT_MAX_ROWS,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_bytes: int | None = None,
        cancellation: Cancellation | None = None,
    ) -> pa.Table:
        """Read through the gate (``adhoc.run_query``), beside a running transaction."""
        with self._readers.reading(), closing(another_cursor(self._connection)) as cursor:
            return run_query(
                cursor,
                query,
                parameters,
                max_rows=max_rows,
                timeout_s=timeout_s,
                max_bytes=max_bytes,
                cancellation=cancellation,
            )

    def check(self, query: str) -> None:
        """Raise QueryError if ``sql`` would refuse a query for what it says."""
        with self._readers.reading(), closing(another_cursor(self._connection)) as cursor:
            check(cursor, query)

    @contextmanager
    def snapshot(self) -> Generator[Transaction]:
        """Give what is committed now, unchanging however long it takes; nobody waits for it."""
        with self._readers.reading(), closing(another_cursor(self._connection)) as cursor:
            cursor.execute("begin transaction read only")
            yield Cursor(cursor)

    @contextmanager
    def lent(self, open_it: Callable[[Path], None]) -> Generator[None]:
        """Let another process read the file within the block: what is committed at its beginning.

        ``open_it`` makes it open the file, and returns when it has; transactions wait for that,
        not for the block. The other process has closed the file when the block ends.
        """
        with ExitStack() as stack:
            with self._opening:
                # The door is shut by nobody without that lock: this does not wait.
                stack.enter_context(self._readers.reading())
                keeper = stack.enter_context(closing(another_cursor(self._connection)))
                try:
                    lend(self._connection, keeper, self._path, self._file_lock, open_it)
                except DatabaseError as error:
                    self._note(error)
                    raise _as_store_error(self._path, error) from error
            try:
                yield
            finally:
                keeper.execute("rollback")
                self._file_lock.keep()

    def replace_file(self, make: Callable[[Transaction, Path], _T]) -> _T:
        """Put a file that ``make`` writes from a snapshot in the place of this one.

        Until it is done no transaction runs, and readers go on; only for the exchange they wait.
        Whatever happens, the old or the new file is there.
        """
        with self._lock:
            made = self._path.with_name(f".{self._path.name}.new")
            try:
                with self.snapshot() as source:
                    result = make(source, made)
                with self._opening, self._readers.nobody(timeout_s=_EXCHANGE_TIMEOUT_S):
                    self._close()
                    self._is_broken = True
                    try:
                        exchange_file(made, self._path)
                    finally:
                        self._reopen()
            except DatabaseError as error:
                raise _as_store_error(self._path, error) from error
            finally:
                made.unlink(missing_ok=True)
            return result

    def limit_memory(self, limit_mb: int) -> None:
        """Have DuckDB take no more than that from now on, but for upkeep."""
        if not self._memory.is_usually(limit_mb):
            with self._lock, self._opening:
                self._memory.usually(self._connection, limit_mb)

    @property
    def upkeeps(self) -> int | None:
        """How many were begun so far; None while there is one."""
        return self._memory.upkeeps

    @contextmanager
    def upkeep(self) -> Generator[None]:
        """Go through the whole file within the block: DuckDB may take what that needs."""
        with self._lock, self._opening:
            self._memory.begin_upkeep(self._connection)
        try:
            yield
        finally:
            with self._lock, self._opening:
                self._memory.end_upkeep(self._connection)

    def refresh(self) -> None:
        """Do nothing: whoever owns a writer drains by ``drain``."""

    def close(self) -> None:
        """Checkpoint and close the file."""
        with self._lock, self._opening:
            self._connection.close()
            # Somebody who still reads has the file open, and the lock is theirs too.
            with suppress(StoreError), self._readers.nobody(timeout_s=0):
                self._file_lock.close()

    def _close(self) -> None:
        self._connection.close()
        self._file_lock.close()

    def _each_call_once(self, transaction: Transaction, batch: Batch) -> Batch:
        """Let no call count twice that another tool tells of too; free where there is no other."""
        if not self._has_foreign_calls:
            if self._has_foreign_calls is None:
                self._has_foreign_calls = has_foreign_calls(transaction)
            self._has_foreign_calls |= batch.has_foreign_calls
        return count_once(transaction, batch) if self._has_foreign_calls else batch

    def _roll_up(self, transaction: Transaction, appended: int) -> None:
        """Join what was appended to the rollups, once it is much."""
        if self._loose_rollups is None:
            self._loose_rollups = loose_rows(transaction) - appended
        self._loose_rollups += appended
        if self._loose_rollups >= FOLD_ROWS:
            fold(transaction)
            self._loose_rollups = 0

    def _note(self, error: DatabaseError) -> None:
        """See to it that the next transaction does not fail of the same."""
        self._is_broken |= is_fatal(error)
        if is_memory_error(error):
            self._memory.was_too_little(self._connection)

    def _reopen(self) -> None:
        """Open the file anew after an error, as a full disk, that ends DuckDB's use of it."""
        self._close()
        self._connection = open_database(self._path)
        self._kept = KeptStatements(self._connection)
        self._is_broken = False
        self._memory.reopened(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _as_store_error(path: Path, error: DatabaseError) -> StoreError:
    first = str(error).splitlines()[0]
    if not is_disk_error(error):
        return StoreError(f"the store {path} refused a statement: {first}")
    advice = "check that its disk is writable and not full"
    if is_memory_error(error):
        advice = "there was too little memory, try again"
    return StoreUnreachableError(f"cannot write to the store {path}: {first}; {advice}")
