"""Rows as JSON, exact: what JSON's numbers cannot hold is text. Pure.

Decimals, integers beyond 2^53 (as span ids) and NaN or infinity are texts; times are ISO 8601, and
those without a zone are UTC and say ``Z``; what Python has no time for (nanoseconds, the year
10000) is text as SQL says it; bytes are hex; maps are pairs; NULL is null.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace.store.adhoc import TRUNCATED_KEY
from llmtrace.store.python_values import python_columns

if TYPE_CHECKING:
    import pyarrow as pa

_EXACT: Final = 2**53
"""JavaScript and most JSON readers round integers beyond it."""


def table_json(table: pa.Table) -> dict[str, Any]:
    """Return ``columns`` (name and Arrow type), ``rows`` (lists) and whether rows were left off.

    Raises QueryError.
    """
    columns = python_columns(table)
    return {
        "columns": [{"name": field.name, "type": str(field.type)} for field in table.schema],
        "rows": [[_plain(value) for value in row] for row in zip(*columns, strict=True)],
        "truncated": (table.schema.metadata or {}).get(TRUNCATED_KEY) == b"true",
    }


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value)
        return {str(name): _plain(item) for name, item in pairs.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("list[object]", value)]
    if value is None or isinstance(value, (bool, str)):
        return value
    for kind, form in _FORMS:
        if isinstance(value, kind):
            return form(value)
    return str(value)


def _whole(value: int) -> int | str:
    return value if -_EXACT <= value <= _EXACT else str(value)


def _broken(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _time(value: datetime) -> str:
    return f"{value.isoformat()}Z" if value.tzinfo is None else value.isoformat()


# The first that fits: a datetime is a date too.
_FORMS: Final[tuple[tuple[type, Callable[[Any], object]], ...]] = (
    (int, _whole),
    (float, _broken),
    (Decimal, "{:f}".format),
    (datetime, _time),
    (date, date.isoformat),
    (time, time.isoformat),
    (timedelta, timedelta.total_seconds),
    (bytes, bytes.hex),
)
