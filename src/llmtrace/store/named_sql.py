"""The SQL files of ``store/sql``, each read once."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def named_sql(name: str) -> str:
    """Return the text of ``sql/<name>.sql``; its header says what it answers and its parameters."""
    return resources.files("llmtrace.store").joinpath("sql", f"{name}.sql").read_text("utf-8")
