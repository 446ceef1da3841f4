"""What DuckDB hands over to Arrow as something else, without saying so: refused, never wrong.

Measured with DuckDB 1.5.6: a UHUGEINT of 2^127 or more arrives as a negative number, a BIGNUM as
the bytes that DuckDB keeps it in, and a time with a zone without the zone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.errors import QueryError

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

    from llmtrace.store._connection import Connection

_OTHERWISE: Final = {
    "uhugeint": "hugeint, if none is beyond it, or to varchar",
    "bignum": "varchar",
    "time with time zone": "varchar",
}
_NESTED: Final = frozenset({"list", "array", "struct", "map", "union"})


def check_types(result: Connection) -> None:
    """Raise QueryError naming a column of an executed query that would not arrive as it is."""
    for name, kind, *_ in result.description:
        lost = _lost(kind)
        if lost is not None:
            raise QueryError(
                f"column {name!r} is {kind}: {lost.upper()} cannot be handed over exactly; "
                f"let the query cast it to {_OTHERWISE[lost]}"
            )


def _lost(kind: DuckDBPyType) -> str | None:
    if kind.id in _OTHERWISE:
        return kind.id
    if kind.id not in _NESTED:
        return None
    parts = (part for _, part in kind.children if not isinstance(part, (int, list)))  # a length
    return next(filter(None, map(_lost, parts)), None)
