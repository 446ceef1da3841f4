"""Query parameters as JSON and back, exact: a Decimal stays one, a time keeps its type.

JSON's own types stand for themselves; every other value is ``{"<type>": "<text>"}``.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, cast

from llmtrace.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def as_stored(value: object) -> object:
    """Return a parameter as the store compares it: aware times become naive UTC.

    A time with a zone would turn every comparison with a column into one that reads all rows.
    """
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, (list, tuple)):
        return [as_stored(item) for item in cast("Sequence[object]", value)]
    return value


def to_json(value: object) -> object:
    """Return what ``json.dumps`` takes. Raises QueryError for a type that has no form."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, datetime):
        return {"timestamp": cast("datetime", as_stored(value)).isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in cast("Sequence[object]", value)]
    raise QueryError(
        f"a parameter is a {type(value).__name__}; "
        "use text, numbers, Decimal, date, datetime, None, or lists of them"
    )


def from_json(value: object) -> object:
    """Return the parameter that ``to_json`` was given. Raises QueryError for anything else."""
    if isinstance(value, list):
        return [from_json(item) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    try:
        ((kind, text),) = cast("Mapping[str, str]", value).items()
        if kind == "timestamp":
            return as_stored(datetime.fromisoformat(text))
        if kind == "date":
            return date.fromisoformat(text)
        if kind == "decimal":
            return Decimal(text)
    except (ValueError, TypeError, InvalidOperation):
        pass
    raise QueryError(
        'a parameter object is {"timestamp": …}, {"date": …} or {"decimal": …} with one text'
    )
