"""What a query from outside may say: one SELECT that only reads what the store holds.

The first wall of several: behind it are a READ ONLY transaction and a connection whose external
access is off and whose configuration is locked (``_connection``). It fails closed: what cannot be
looked into is refused. How much a query takes cannot be judged from its text: see ``confined``.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace.errors import QueryError
from llmtrace.store._connection import CATALOG, Connection, DatabaseError, StatementType

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_QUERY_CHARACTERS: Final = 100_000
"""Parsing costs up to some hundred bytes a character; values are given as parameters."""

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
# Possessive, or a run of blanks could be taken apart in 2 ** length ways.
_LEADING: Final = re.compile(r"(?:\s++|--[^\n]*+(?:\n|$)|/\*.*?\*/|\()*+", re.DOTALL)
_WORD: Final = re.compile(r"[a-zA-Z]+")
_EXPLAIN: Final = re.compile(
    rf"\A{_LEADING.pattern}explain(?:\s+analyze)?\b(?:\s*\([^)]*\))?", re.DOTALL | re.IGNORECASE
)
# External access is off, so that none of these could read a file. They are refused by name too:
# some tell paths or settings of this machine or stop a thread, and one wall is not enough.
_REFUSED: Final = re.compile(
    r"(?i)read_\w+|\w+_scan|glob|sniff_csv|parquet_\w+|query|query_table|getenv|getvariable"
    r"|duckdb_(?:databases|settings|secrets|extensions|logs?|log_contexts|temporary_files)"
    r"|pragma_\w*database\w*|which_secret|write_log|json_execute_serialized_sql|nextval"
    r"|current_setting|pg_settings|force_checkpoint|checkpoint|pg_sleep|sleep_ms|setseed"
    r"|inet_\w+|(?:enable|disable|truncate)_\w+"
)
_TABLE_FUNCTIONS: Final = frozenset(
    {"range", "generate_series", "unnest", "json_each", "json_tree", "repeat", "repeat_row"}
    | {"regexp_split_to_table", "generate_subscripts", "pg_timezone_names"}
    | {"duckdb_columns", "duckdb_functions", "duckdb_keywords", "duckdb_tables", "duckdb_types"}
    | {"duckdb_views", "pragma_table_info", "pragma_storage_info", "pragma_version"}
)
_REMEMBERED: Final = 512
_REMEMBERED_CHARACTERS: Final = 8_000
_PATH: Final = re.compile(r"(?<![\w.])/(?:[^\s'\"/]+/)+[^\s'\",;)]*")
_LONGEST_MESSAGE: Final = 400


class _Passed:
    """The texts that passed last: the pages ask the same with other parameters all the time."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def knows(self, query: str) -> bool:
        with self._lock:
            if query not in self._texts:
                return False
            self._texts.move_to_end(query)
            return True

    def add(self, query: str) -> None:
        if len(query) > _REMEMBERED_CHARACTERS:
            return
        with self._lock:
            self._texts[query] = None
            while len(self._texts) > _REMEMBERED:
                self._texts.popitem(last=False)


_passed: Final = _Passed()


def check(cursor: Connection, query: str) -> None:
    """Raise QueryError unless ``query`` is exactly one statement that only reads.

    Parses it, but plans nothing: no text makes that long or large. What a text says decides alone,
    so that one which passed before is not parsed again.
    """
    if _passed.knows(query):
        return
    _check(cursor, query)
    _passed.add(query)


def _check(cursor: Connection, query: str) -> None:
    if len(query) > MAX_QUERY_CHARACTERS:
        raise QueryError(
            f"the query has {len(query)} characters, more than {MAX_QUERY_CHARACTERS}; "
            "give values as parameters"
        )
    try:
        statements = cursor.extract_statements(query)
    except DatabaseError as error:
        raise QueryError(shortened(str(error))) from error
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
    for node in _nodes(_syntax_tree(cursor, query)):
        _check_names(node)


def _syntax_tree(cursor: Connection, query: str) -> object:
    """Return a query, of EXPLAIN what it explains, as the parser reads it. Raises QueryError."""
    # Not a parameter: to bind its first one, DuckDB imports pandas, which takes half a second.
    text = _EXPLAIN.sub("", query, count=1).replace("'", "''")
    try:
        row = cursor.execute(f"select json_serialize_sql('{text}')").fetchone()
        tree = cast("dict[str, Any]", json.loads(row[0] if row else "null") or {})
    except RecursionError as error:
        raise QueryError("the query is nested too deeply; write it with fewer levels") from error
    except DatabaseError as error:
        raise QueryError(shortened(str(error))) from error
    if tree.get("error") is not False:
        raise QueryError(
            "the query cannot be looked into; write a SELECT, with comments behind its first word"
        )
    return tree


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    """Yield all objects of a syntax tree, in no order."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(cast("list[object]", node))
        elif isinstance(node, dict):
            entries = cast("dict[str, Any]", node)
            yield entries
            waiting.extend(entries.values())


def shortened(message: str) -> str:
    """Keep what helps (text and the marked line), without paths of this machine."""
    text = _PATH.sub("…", message.strip()).replace(f'"{CATALOG}".', "")
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


def _check_names(node: dict[str, Any]) -> None:
    for key in ("function_name", "table_name"):
        name = str(node.get(key) or "").strip('"')
        if _REFUSED.fullmatch(name):
            raise _beyond(name)
    if node.get("type") == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name"))
        if name.lower() not in _TABLE_FUNCTIONS:
            raise _beyond(name)


def _beyond(name: str) -> QueryError:
    return QueryError(
        f"{name} is not allowed in queries: it can reach beyond the store; "
        "read the store's views and tables only"
    )
