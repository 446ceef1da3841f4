"""One query of the SQL console on its way: it runs in a thread, may be cancelled, and ends in time.

It goes through the gate and runs in a process of its own, with a collector and without
(``HomeStore.confined``). Nothing here knows who shows it.
"""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmtrace.errors import LlmtraceError
from llmtrace.store.adhoc import TRUNCATED_KEY, Cancellation

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from llmtrace.store.home import HomeStore

    Noted = Callable[[], AbstractContextManager[dict[str, object]]]

MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Bytes of rows; a viewer's answers stay in memory while the page is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a query ended."""

    table: pa.Table | None
    """None: it failed."""
    error: str | None
    """Why, for people: the gate's or DuckDB's words, with the line and its mark."""
    seconds: float
    """From asking to the last row, waiting in line and starting a process included."""

    @property
    def is_capped(self) -> bool:
        """Say whether rows were left off."""
        metadata: Any = None if self.table is None else self.table.schema.metadata
        return TRUNCATED_KEY in (metadata or {})


class ConsoleQuery:
    """One query; ``start`` once. Used from any thread."""

    def __init__(
        self,
        store: HomeStore,
        text: str,
        *,
        max_rows: int,
        timeout_s: float,
        noted: Noted = lambda: nullcontext({}),
    ) -> None:
        """Touch nothing yet.

        ``noted``: gives a context in which the query runs, as an audit, and in it the outcome to be
        filled; what it raises (LlmtraceError) is how the query ends, without rows.
        """
        self.text = text
        self.max_rows = max_rows
        self.timeout_s = timeout_s
        self._store = store
        self._noted = noted
        self._cancellation = Cancellation()
        self._done = threading.Event()
        self._began = time.monotonic()
        self._answer: Answer | None = None

    def start(self) -> None:
        """Begin; returns at once."""
        self._began = time.monotonic()
        threading.Thread(target=self._run, name="llmtrace-console", daemon=True).start()

    def cancel(self) -> None:
        """End it soon; nothing happens if it has ended."""
        self._cancellation.cancel()

    def wait(self, timeout_s: float) -> Answer | None:
        """Return how it ended; None if it has not after ``timeout_s`` seconds."""
        self._done.wait(timeout_s)
        return self._answer

    @property
    def seconds(self) -> float:
        """How long it has been on its way."""
        return time.monotonic() - self._began

    def _run(self) -> None:
        table: pa.Table | None = None
        error: str | None = None
        try:
            with self._noted() as outcome:
                table = self._store.confined(
                    self.text,
                    max_rows=self.max_rows,
                    timeout_s=self.timeout_s,
                    max_bytes=MAX_ANSWER_BYTES,
                    cancellation=self._cancellation,
                )
                outcome["rows"] = table.num_rows
        except LlmtraceError as problem:
            table, error = None, str(problem)
        except Exception as problem:  # nobody else would tell that it has ended
            table, error = None, f"the query ended with {type(problem).__name__}; see the log"
            raise
        finally:
            self._answer = Answer(table=table, error=error, seconds=self.seconds)
            self._done.set()
