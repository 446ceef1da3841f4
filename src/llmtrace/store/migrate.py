"""Schema as numbered SQL files: each applied once, in order, in a transaction of its own.

A store of a newer schema is refused, never guessed at. There is no way down: a file that was
released is not edited again, the next change is the next number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

from llmtrace.errors import StoreVersionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmtrace.store._connection import Connection

_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One numbered step of the schema."""

    number: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """Return the migrations this llmtrace knows, in order."""
    found: list[Migration] = []
    for entry in resources.files("llmtrace.store").joinpath("migrations").iterdir():
        match = _NAME.fullmatch(entry.name)
        if match:
            number = int(match[1])
            found.append(
                Migration(
                    number=number,
                    name=entry.name,
                    sql=entry.read_text(encoding="utf-8"),
                )
            )
    return sorted(found, key=lambda migration: migration.number)


def schema_version(connection: Connection) -> int:
    """Return the number of the last migration applied, 0 for an empty file."""
    exists = connection.execute(
        "select count(*) from information_schema.tables "
        "where table_catalog = current_database() and table_name = '_meta'"
    ).fetchone()
    if not exists or not exists[0]:
        return 0
    row = connection.execute("select value from _meta where key = 'schema_version'").fetchone()
    return int(row[0]) if row else 0


def migrate(connection: Connection, known: Sequence[Migration] | None = None) -> int:
    """Bring the store to the newest schema known and return its number.

    Raises StoreVersionError if the store is newer than that.
    """
    steps = migrations() if known is None else known
    newest = steps[-1].number if steps else 0
    present = schema_version(connection)
    if present > newest:
        raise StoreVersionError(
            f"the store has schema {present}, this llmtrace knows up to {newest}: "
            "it was written by a newer llmtrace; upgrade this one "
            "(llmtrace-toolkit), or set LLMTRACE_HOME to another folder. Nothing was changed"
        )
    for step in steps:
        if step.number > present:
            _apply(connection, step)
    return newest


def _apply(connection: Connection, step: Migration) -> None:
    connection.execute("begin transaction")
    try:
        connection.execute(
            "create table if not exists _meta (key varchar not null, value varchar not null)"
        )
        for statement in connection.extract_statements(step.sql):
            connection.execute(statement)
        connection.execute("delete from _meta where key = 'schema_version'")
        connection.execute("insert into _meta values ('schema_version', ?)", [str(step.number)])
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
