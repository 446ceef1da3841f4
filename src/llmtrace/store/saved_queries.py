"""Queries that people of one home keep by name: ``queries.json``, mode 0600.

A file and not a table: whoever asks only reads the store, and a restored or compacted store keeps
its queries. They may name users; ``llmtrace forget`` says so if they do.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace.errors import QueryError, StoreError, StoreUnreachableError
from llmtrace.store.gate import MAX_QUERY_CHARACTERS
from llmtrace.store.private_file import changing, write_private

if TYPE_CHECKING:
    from pathlib import Path

QUERIES_FILE: Final = "queries.json"
MAX_NAME_CHARACTERS: Final = 80
MAX_SAVED: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedQuery:
    """One query by name."""

    name: str
    """One line of printable characters; no two are the same."""
    text: str
    by: str
    """Who saved it last."""
    at: datetime
    """When, in UTC."""


def saved_queries(home: Path) -> list[SavedQuery]:
    """Return what is saved, by name. Raises StoreError naming a file that is damaged."""
    path = home / QUERIES_FILE
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        found = [_query(each) for each in cast("list[dict[str, Any]]", content["queries"])]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreUnreachableError(
            f"cannot read {path}: {error.strerror}; check its permissions"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(
            f"{path} does not hold saved queries as they are written here; move it away to begin "
            "anew, nothing else depends on it"
        ) from error
    return sorted(found, key=lambda query: query.name.casefold())


def save_query(home: Path, query: SavedQuery, *, replaces: bool = False) -> None:
    """Keep a query; ``replaces`` one of the same name.

    Raises QueryError (no name, too long, the name is taken), StoreError.
    """
    name, text = query.name, query.text
    if not name.strip() or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise QueryError(f"a name is 1 to {MAX_NAME_CHARACTERS} printable characters on one line")
    if not text.strip() or len(text) > MAX_QUERY_CHARACTERS:
        raise QueryError(f"a query is 1 to {MAX_QUERY_CHARACTERS:,} characters")
    with changing(home / QUERIES_FILE):
        others = {each.name: each for each in saved_queries(home)}
        if name in others and not replaces:
            raise QueryError(f"{name!r} is saved already; replace it, or choose another name")
        if len(others | {name: query}) > MAX_SAVED:
            raise QueryError(f"{MAX_SAVED} queries are saved, as many as there may be; delete some")
        _write(home, others | {name: query})


def delete_query(home: Path, name: str) -> None:
    """Forget a query; one that is not there is nothing to do. Raises StoreError."""
    with changing(home / QUERIES_FILE):
        _write(home, {each.name: each for each in saved_queries(home) if each.name != name})


def _query(content: dict[str, Any]) -> SavedQuery:
    return SavedQuery(
        name=str(content["name"]),
        text=str(content["text"]),
        by=str(content["by"]),
        at=datetime.fromisoformat(content["at"]),
    )


def _write(home: Path, queries: dict[str, SavedQuery]) -> None:
    entries = [asdict(query) | {"at": query.at.isoformat()} for query in queries.values()]
    # Not escaped: whoever looks for somebody's id in this folder finds it.
    text = json.dumps({"queries": entries}, indent=1, ensure_ascii=False) + "\n"
    write_private(home / QUERIES_FILE, text)
