"""Arrow's values as Python's, and as text where Python has none. Pure.

Python's times end at microseconds and in the year 9999, and its days at 24:00; DuckDB's do not, and
SQL of one's own may return any. pandas, where it is installed, would change what comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

from llmtrace.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable

    Column = pa.ChunkedArray

_S: Final = (-62_135_596_800, 253_402_300_799)
"""The seconds of the years 1 to 9999."""
_A_S: Final = {"s": 1, "ms": 1_000, "us": 1_000_000}
_DAYS: Final = (-719_162, 2_932_896)
_DAY_US: Final = 86_400_000_000
_OUTSIDE: Final = "<value out of range: {}>"
"""How Arrow says a time that it has no text for."""
_SAID: Final = {
    _OUTSIDE.format(2**63 - 1): "infinity",
    _OUTSIDE.format(1 - 2**63): "-infinity",
    _OUTSIDE.format(2**31 - 1): "infinity",
    _OUTSIDE.format(1 - 2**31): "-infinity",
    _OUTSIDE.format(_DAY_US): "24:00:00",
}


def python_columns(
    rows: pa.Table, maps_as_pydicts: Literal["lossy"] | None = None
) -> list[list[Any]]:
    """Return the values of each column; what Python has no value for is text.

    ``maps_as_pydicts`` as in Arrow's ``to_pylist``. Raises QueryError for a column that has no
    text either.
    """
    found: list[list[Any]] = []
    for field, column in zip(rows.schema, rows.columns, strict=True):
        try:
            found.append(_values(column, maps_as_pydicts))
        except (pa.ArrowNotImplementedError, OverflowError, ValueError) as error:
            raise QueryError(
                f"column {field.name!r} ({field.type}) holds times that neither Python nor JSON "
                "have a value for; let the query cast it to varchar"
            ) from error
    return found


def _values(column: Column, maps_as_pydicts: Literal["lossy"] | None) -> list[Any]:
    kind = column.type
    if not _has(kind, _is_time):
        return column.to_pylist(maps_as_pydicts=maps_as_pydicts)
    if _has(kind, _is_of_nanoseconds):
        return _texts(column).to_pylist(maps_as_pydicts=maps_as_pydicts)
    if pa.types.is_nested(kind):
        try:
            return column.to_pylist(maps_as_pydicts=maps_as_pydicts)
        except OverflowError:
            return _texts(column).to_pylist(maps_as_pydicts=maps_as_pydicts)
    fits = _are_of_python(column)
    if pc.all(fits, min_count=0).as_py():
        return column.to_pylist()
    values = pc.if_else(fits, column, pa.scalar(None, kind)).to_pylist()
    return [
        _SAID.get(text, text) if does_fit is False else value
        for does_fit, value, text in zip(
            fits.to_pylist(), values, _texts(column).to_pylist(), strict=True
        )
    ]


def _are_of_python(times: Column) -> Column:
    """Return for each time, of microseconds at most, whether Python has it; NULL for NULL."""
    kind = times.type
    if pa.types.is_date32(kind):
        low, high, numbers = *_DAYS, times.cast(pa.int32())
    elif pa.types.is_timestamp(kind):
        in_a_second = _A_S[kind.unit]
        low, high = _S[0] * in_a_second, (_S[1] + 1) * in_a_second - 1
        numbers = times.cast(pa.int64())
    else:  # of a day
        low, high, numbers = 0, _DAY_US - 1, times.cast(pa.int64())
    return pc.and_(pc.greater_equal(numbers, low), pc.less_equal(numbers, high))


def _texts(column: Column) -> Column:
    # Of a time with a zone that is too far away, Arrow says another time.
    texts = column.cast(_made_of(column.type, _without_zone)).cast(_made_of(column.type, _text))
    if _has(texts.type, _is_time):  # a union, which Arrow does not cast
        raise pa.ArrowNotImplementedError(str(texts.type))
    return texts


def _is_time(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) or pa.types.is_date32(kind) or pa.types.is_time64(kind)


def _is_of_nanoseconds(kind: pa.DataType) -> bool:
    return (pa.types.is_timestamp(kind) or pa.types.is_time64(kind)) and kind.unit == "ns"


def _has(kind: pa.DataType, what: Callable[[pa.DataType], bool]) -> bool:
    """Say whether a type, or one it is made of, is such."""
    parts = (kind.field(place).type for place in range(kind.num_fields))
    return what(kind) or any(_has(part, what) for part in parts)


def _without_zone(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp(kind.unit) if pa.types.is_timestamp(kind) else kind


def _text(kind: pa.DataType) -> pa.DataType:
    return pa.string() if _is_time(kind) else kind


def _made_of(kind: pa.DataType, part: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """Return the type with others in place of those that are not made of any."""

    def inside(field: pa.Field) -> pa.Field:
        return field.with_type(_made_of(field.type, part))

    if pa.types.is_struct(kind):
        return pa.struct([inside(field) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_made_of(kind.key_type, part), _made_of(kind.item_type, part))
    if pa.types.is_list(kind):
        return pa.list_(inside(kind.value_field))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(inside(kind.value_field), kind.list_size)
    return part(kind)
