"""SQL that others wrote, run where it can do no harm: in a process of its own.

DuckDB counts most of its memory and can be interrupted between two chunks of rows, but not the
strings and lists that one scalar call builds, nor the call itself, nor the planning of a query:
``select repeat('x', 1000000000)`` takes gigabytes and seconds that no limit of its own sees, and
whether a query does cannot be told from its text. So only what we wrote ourselves (``own_sql``,
which does not come here) runs in the process that has the store.

The other process (``confined_child``) reads the file that the writer lends it. The operating
system bounds its memory; it is killed when its time is over, when whoever asked is gone, and when
the store has waited long enough to be tidied. One runs at a time; other queries wait in line. The
next one is started in advance, and ends when nobody has needed it for a while.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from typing import IO, TYPE_CHECKING, Final, cast

from llmtrace.errors import QueryError, QueryMemoryError, StoreError
from llmtrace.store.adhoc import Cancellation
from llmtrace.store.exchange import log_of
from llmtrace.store.parameters import to_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from llmtrace.store.writer import Writer

MEMORY_BYTES: Final = 1536 * 1024 * 1024
"""What one confined query may take, above the libraries it is run with."""
_THREADS: Final = min(2, os.cpu_count() or 1)
"""Of a query at first. Each has memory of its own for what it groups and sorts: with two there is
room for 10 million groups, with one for 16, with four not for 8."""
_START_S: Final = 15.0
_GRACE_S: Final = 1.0
"""After its time a query is interrupted; this long after that its process is killed."""
_LONGEST_LOG_BYTES: Final = 1024 * 1024 * 1024
_LOOK_S: Final = 0.05
_IDLE_S: Final = 60.0
_COMMAND: Final = (
    "import sys; sys.path[:] = {path!r}\n"
    "from llmtrace.store.no_pandas import keep_numpy_out\nkeep_numpy_out()\n"
    "from llmtrace.store.confined_child import main\nmain()"
)


class ConfinedQueries:
    """Answers queries of which nothing is known. ``close`` when done."""

    def __init__(
        self, writer: Writer, *, memory_bytes: int = MEMORY_BYTES, keeps_spare: bool = True
    ) -> None:
        """Ask ``writer``; no process runs before a query needs one.

        ``keeps_spare``: start a process for the next query in advance.
        """
        self._writer = writer
        self._memory_bytes = memory_bytes
        self._turn = threading.Lock()
        self._running: _Child | None = None
        self._spare: _Child | None = None
        self._keeps_spare = keeps_spare
        self._is_closed = False

    def close(self) -> None:
        """End the running query and the process that waits for one; twice does nothing."""
        self._is_closed = True
        if (running := self._running) is not None:
            running.kill()
        with self._turn:
            if self._spare is not None:
                self._spare.close()
            self._spare = None

    def sql(
        self,
        query: str,
        parameters: Sequence[object] = (),
        *,
        max_rows: int | None,
        timeout_s: float,
        max_bytes: int,
        cancellation: Cancellation | None = None,
    ) -> pa.Table:
        """Run one SELECT; see ``adhoc.run_query`` for the arguments and what is raised.

        Raises StoreError too, if other queries took all of ``timeout_s``.
        """
        self._writer.check(query)
        cancellation = cancellation or Cancellation()
        ends = time.monotonic() + timeout_s
        self._wait_for_turn(ends, cancellation)
        began = time.monotonic()
        question: dict[str, object] = {
            "query": query,
            "parameters": [to_json(value) for value in parameters],
            "max_rows": max_rows,
            "max_bytes": max_bytes,
            "memory_bytes": self._memory_bytes,
        }
        try:
            try:
                return self._answer(question, _THREADS, ends, cancellation)
            except QueryMemoryError:
                took_s = time.monotonic() - began
                # With one it takes longer: cut off by the time, nobody would know of the memory.
                if _THREADS == 1 or ends - time.monotonic() < took_s:
                    raise
            return self._answer(question, 1, ends, cancellation)
        finally:
            self._turn.release()

    def _answer(
        self,
        question: dict[str, object],
        threads: int,
        ends: float,
        cancellation: Cancellation,
    ) -> pa.Table:
        """Ask a process that does not outlive its answer."""
        if self._is_closed:
            raise StoreError("the collector stops; try again later")
        timeout_s = max(ends - time.monotonic(), _LOOK_S)
        limits = {
            "timeout_s": timeout_s,
            "threads": threads,
            # Against a process that nobody is there to kill.
            "cpu_s": int(timeout_s * threads + _START_S + 5),
        }
        try:
            with closing(self._child()) as child, cancellation.watching(child.kill):
                self._running = child
                return child.ask(self._writer, question | limits, cancellation)
        finally:
            self._running = None

    def _child(self) -> _Child:
        """Return a process, with another started for the next query."""
        child, self._spare = self._spare, None
        if child is None or not child.take():
            child = _Child()
            child.take()
        if self._keeps_spare and not self._is_closed:
            self._spare = _Child()
        return child

    def _wait_for_turn(self, ends: float, cancellation: Cancellation) -> None:
        while not self._turn.acquire(timeout=_LOOK_S):
            if cancellation.is_asked:
                raise QueryError("the query was cancelled")
            if time.monotonic() >= ends:
                raise StoreError(
                    "another query that needs a process of its own is running; try again later"
                )


class _Child:
    """One process for one query."""

    def __init__(self) -> None:
        self._timeout_s = 0.0
        self._reason: str | None = None
        self._ended = threading.Event()
        self._log: Path | None = None
        self._ends = time.monotonic() + _IDLE_S
        self._state = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _COMMAND.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
        )
        self._to = cast("IO[bytes]", self._process.stdin)
        self._from = cast("IO[bytes]", self._process.stdout)
        self._overseer = threading.Thread(target=self._oversee, daemon=True)
        self._overseer.start()

    def take(self) -> bool:
        """Begin to count the time; False if it has ended before."""
        with self._state:
            self._ends = time.monotonic() + _START_S
            return self._reason is None and self._process.poll() is None

    def close(self) -> None:
        """End it and let go of everything."""
        self._ended.set()
        self.kill()
        self._overseer.join()
        for pipe in (self._to, self._from):
            with suppress(OSError):
                pipe.close()

    def kill(self) -> None:
        """End it and wait until it has; a second call does nothing."""
        self._process.kill()
        self._process.wait()

    def ask(
        self, writer: Writer, question: dict[str, object], cancellation: Cancellation
    ) -> pa.Table:
        """Return the rows. Raises QueryError, StoreError."""
        self._timeout_s = cast("float", question["timeout_s"])
        self._say(question)
        if self._from.readline() != b"ready\n":
            raise self._failure(cancellation)

        def open_it(path: Path) -> None:
            self._log = log_of(path)
            self._say({"path": str(path)})
            line = self._from.readline()
            if line != b"opened\n":
                self.kill()
                raise _told(line) or self._failure(cancellation)

        with writer.lent(open_it):
            self._ends = time.monotonic() + self._timeout_s + _GRACE_S
            try:
                line = self._from.readline()
                if not line:
                    raise self._failure(cancellation)
                if (error := _told(line)) is not None:
                    raise error
                return self._rows(cast("int", question["max_bytes"]), cancellation)
            finally:
                self.kill()  # before the file is its owner's alone again

    def _rows(self, max_bytes: int, cancellation: Cancellation) -> pa.Table:
        import pyarrow as pa  # noqa: PLC0415  # a collector that nobody asks needs none of it

        # Arrow's own frames are little beside the rows, whose size the process has bounded.
        content = self._from.read(2 * max_bytes + 1024 * 1024)
        try:
            with pa.ipc.open_stream(content) as stream:
                return stream.read_all()
        except (pa.ArrowException, OSError) as error:
            raise self._failure(cancellation) from error

    def _say(self, line: dict[str, object]) -> None:
        # It may be gone: then reading from it tells.
        with suppress(OSError):
            self._to.write(json.dumps(line).encode() + b"\n")
            self._to.flush()

    def _oversee(self) -> None:
        while not self._ended.wait(_LOOK_S):
            with self._state:
                self._reason = self._why_end()
                if self._reason is None:
                    continue
            self.kill()
            return

    def _why_end(self) -> str | None:
        if time.monotonic() > self._ends:
            if self._log is None:
                return f"no process for the query was there within {_START_S:g} s; try again later"
            return (
                f"the query ran longer than {self._timeout_s:.3g} s and was stopped; "
                "ask for a shorter range of time, or allow more"
            )
        with suppress(OSError):
            if self._log is not None and self._log.stat().st_size > _LONGEST_LOG_BYTES:
                return "the query was stopped, for the store must be tidied; try again"
        return None

    def _failure(self, cancellation: Cancellation) -> QueryError:
        """Say why the process is gone."""
        if cancellation.is_asked:
            return QueryError("the query was cancelled")
        if self._reason is not None:
            return QueryError(self._reason)
        return QueryMemoryError(
            "the query needed more memory than one may have and was stopped; "
            "ask for fewer rows, shorter texts, or smaller lists"
        )


def _told(line: bytes) -> QueryError | None:
    """Return the error that the process tells of; None if it tells of rows."""
    if not line:
        return None
    outcome = cast("dict[str, object]", json.loads(line))
    if "error" in outcome:
        kind = QueryMemoryError if outcome.get("is_memory") else QueryError
        return kind(str(outcome["error"]))
    return None
