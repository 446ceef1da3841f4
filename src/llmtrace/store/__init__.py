"""The store: spans in DuckDB. The only place that knows SQL.

``open_store()`` is for readers; a ``Writer`` owns the file (collector, tests, seeded data).
All names here are loaded when they are first used: who asks where the collector is needs no DuckDB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.config import load_settings
from llmtrace.lazy_names import lazy_names

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.store.adhoc import TRUNCATED_KEY
    from llmtrace.store.drain import Drain, Drained
    from llmtrace.store.home import HomeStore
    from llmtrace.store.lock import StoreLock
    from llmtrace.store.pricing import settings_pricer
    from llmtrace.store.reading import DATABASE_FILE, Store
    from llmtrace.store.writer import Inserted, Transaction, Writer

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

if not TYPE_CHECKING:  # a name that is not listed is an error to the type checker
    __getattr__ = lazy_names(
        __name__,
        {
            "DATABASE_FILE": "llmtrace.store.reading",
            "TRUNCATED_KEY": "llmtrace.store.adhoc",
            "Drain": "llmtrace.store.drain",
            "Drained": "llmtrace.store.drain",
            "HomeStore": "llmtrace.store.home",
            "Inserted": "llmtrace.store.writer",
            "Store": "llmtrace.store.reading",
            "StoreLock": "llmtrace.store.lock",
            "Transaction": "llmtrace.store.writer",
            "Writer": "llmtrace.store.writer",
            "settings_pricer": "llmtrace.store.pricing",
        },
    )


def open_store(home: Path | None = None) -> HomeStore:
    """Open the store of ``home`` (default: ``LLMTRACE_HOME``, else ``~/.llmtrace``) for reading.

    Nothing is touched before the first ``sql``. Raises ConfigError for wrong settings and
    PriceFileError for a wrong price file.
    """
    from llmtrace.store.home import HomeStore  # noqa: PLC0415  # loaded when used, as all names here
    from llmtrace.store.pricing import settings_pricer  # noqa: PLC0415  # as above

    settings = load_settings(home=home)
    return HomeStore(
        settings.home,
        settings_pricer(settings),
        token=settings.token,
        capture=settings.capture_content,
    )
