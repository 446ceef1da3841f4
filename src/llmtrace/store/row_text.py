"""Rows as text, exactly: JSON, CSV that no spreadsheet runs, digits of money. Pure.

What came from models and users is data here: nothing is markup, and nothing is a formula.
"""

from __future__ import annotations

import json
import math
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, cast

from llmtrace.store.python_values import python_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_CSV_SPECIAL: Final = frozenset(',"\r\n')


def records_of(rows: pa.Table) -> list[dict[str, object]]:
    """Return the rows with maps as dicts, by ``unique_names``. Raises QueryError."""
    names = unique_names(rows.column_names)
    columns = python_columns(rows, maps_as_pydicts="lossy")
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def unique_names(names: Sequence[str]) -> list[str]:
    """Return the names of columns; of those that are the same the later get a number."""
    found: list[str] = []
    for name in names:
        found.append(name if name not in found else f"{name}_{len(found)}")
    return found


def json_text(value: object) -> str:
    """Return a value as JSON; a Decimal is a number with all its digits."""
    if isinstance(value, dict):
        pairs = cast("Mapping[object, object]", value).items()
        return "{" + ", ".join(f"{json.dumps(str(k))}: {json_text(v)}" for k, v in pairs) + "}"
    if isinstance(value, (list, tuple)):
        items = cast("Sequence[object]", value)
        return "[" + ", ".join(json_text(item) for item in items) + "]"
    if isinstance(value, Decimal):
        return digits(value) if value.is_finite() else "null"
    if isinstance(value, float) and not math.isfinite(value):
        return "null"
    if value is None or isinstance(value, (bool, int, float, str)):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(plain_text(value), ensure_ascii=False)


def csv_line(cells: list[str]) -> str:
    """Return one line; unlike ``csv`` with Unix line ends, a lone carriage return is quoted too."""
    return ",".join(
        '"' + cell.replace('"', '""') + '"' if _CSV_SPECIAL.intersection(cell) else cell
        for cell in cells
    )


def csv_cell(value: object) -> str:
    """Return a value as CSV has it: exact, NULL as nothing, text never as a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, Decimal):
        return digits(value)
    return harmless(plain_text(value))


def harmless(text: str) -> str:
    """Return text with a ``'`` before it if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def plain_text(value: object) -> str:
    """Return a value that is no number as text; times in UTC as they are stored."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (dict, list, tuple)):
        return json_text(cast("object", value))
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def digits(value: Decimal) -> str:
    """Return all digits of a decimal, without an exponent and without zeros at the end."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
