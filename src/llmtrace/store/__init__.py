"""The store: spans in DuckDB. The only place that knows SQL.

``open_store()`` is for readers; a ``Writer`` owns the file (collector, tests, seeded data).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.config import load_settings
from llmtrace.store.adhoc import TRUNCATED_KEY
from llmtrace.store.drain import Drain, Drained
from llmtrace.store.home import HomeStore
from llmtrace.store.lock import StoreLock
from llmtrace.store.pricing import settings_pricer
from llmtrace.store.reading import DATABASE_FILE, Store
from llmtrace.store.writer import Inserted, Transaction, Writer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "DATABASE_FILE",
    "TRUNCATED_KEY",
    "Drain",
    "Drained",
    "HomeStore",
    "Inserted",
    "Store",
    "StoreLock",
    "Transaction",
    "Writer",
    "open_store",
    "settings_pricer",
]


def open_store(home: Path | None = None) -> HomeStore:
    """Open the store of ``home`` (default: ``LLMTRACE_HOME``, else ``~/.llmtrace``) for reading.

    Nothing is touched before the first ``sql``. Raises ConfigError for wrong settings and
    PriceFileError for a wrong price file.
    """
    settings = load_settings(home=home)
    return HomeStore(
        settings.home,
        settings_pricer(settings),
        token=settings.token,
        capture=settings.capture_content,
    )
