"""Rows of a Parquet file, one at a time, in the values that JSON has. Knows no format.

The only module of ``otlp`` that needs pyarrow; loaded for a Parquet file alone. Memory holds a
group of rows as the file has them.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from llmtrace.otlp.imports.located import Located, garbage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_ROWS: Final = 256
_UUID_BYTES: Final = 16


def parquet_rows(file: BinaryIO) -> Iterator[Located]:
    """Give each row as an object; ``line`` counts rows. ``file`` can be read anywhere."""
    row = 0
    try:
        with pq.ParquetFile(file) as source:
            for batch in source.iter_batches(batch_size=_ROWS):
                for found in batch.to_pylist():
                    row += 1
                    yield Located(row, plain(found))
    except (pa.ArrowException, OSError) as error:
        yield garbage(row + 1, "not Parquet that can be read", str(error).replace("\n", " ")[:120])


def plain(value: object) -> Any:
    """Return a value as JSON would have it: times in ISO 8601, decimals and UUIDs as text."""
    if isinstance(value, dict):
        members = cast("dict[object, object]", value)
        return {str(name): plain(each) for name, each in members.items()}
    if isinstance(value, list):
        items = cast("list[object]", value)
        pairs = [cast("tuple[object, object]", each) for each in items if isinstance(each, tuple)]
        if items and len(pairs) == len(items):  # a map
            return {str(name): plain(each) for name, each in pairs}
        return [plain(each) for each in items]
    return value if value is None or isinstance(value, (str, bool, int, float)) else _text(value)


def _text(value: object) -> str:
    if isinstance(value, date):  # and datetime
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        is_uuid = len(value) == _UUID_BYTES
        return str(UUID(bytes=value)) if is_uuid else value.decode("utf-8", "replace")
    return str(value)
