"""The store: spans in DuckDB. The only place that knows SQL.

``open_store()`` is for readers; a ``Writer`` owns the file (collector, tests, seeded data).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.config import load_settings
from llmtrace.otlp.rows import leave_unpriced
from llmtrace.store.local import LocalStore
from llmtrace.store.reading import DATABASE_FILE, Store
from llmtrace.store.writer import Inserted, Transaction, Writer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "DATABASE_FILE",
    "Inserted",
    "LocalStore",
    "Store",
    "Transaction",
    "Writer",
    "open_store",
]


def open_store(home: Path | None = None) -> Store:
    """Open the store of ``home`` (default: ``LLMTRACE_HOME``, else ``~/.llmtrace``) for reading.

    Nothing is touched before the first ``sql``. Raises ConfigError for wrong settings.
    """
    return LocalStore(load_settings(home=home).home, leave_unpriced)
