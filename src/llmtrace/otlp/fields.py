"""The fields of a serialized protobuf message, read by hand. Pure, light, never surprised.

For what runs in the user's process, where protobuf is not loaded. Reading ends quietly at the first
damage. It knows no message: which number means what is the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_LENGTH_DELIMITED: Final = 2
_GROUP_BEGINS: Final = 3
_GROUP_ENDS: Final = 4
_FIXED_BYTES: Final = {1: 8, 5: 4}


class Field(NamedTuple):
    """One field of a message."""

    number: int
    value: int
    """Of a variable-length integer; of all others where the content begins."""
    end: int | None
    """Where the content of a message, text or bytes ends; None for all others."""


def fields(  # noqa: C901  # one branch a wire type
    data: bytes, position: int, end: int
) -> Iterator[Field]:
    """Give the fields of the message from ``position`` to ``end``, up to any damage.

    Groups, a form that OTLP does not use, are passed over with all that is in them.
    """
    groups = 0
    try:
        while position < end:
            key, position = _varint(data, position)
            number, kind = key >> 3, key & 7
            if kind == _LENGTH_DELIMITED:
                length, position = _varint(data, position)
                if position + length > end:
                    return
                if not groups:
                    yield Field(number, position, position + length)
                position += length
            elif kind in _FIXED_BYTES:
                if not groups:
                    yield Field(number, position, None)
                position += _FIXED_BYTES[kind]
            elif kind == 0:
                value, position = _varint(data, position)
                if not groups:
                    yield Field(number, value, None)
            elif kind == _GROUP_BEGINS:
                groups += 1
            elif kind == _GROUP_ENDS and groups:
                groups -= 1
            else:
                return
    except IndexError:
        return


def parts(data: bytes, position: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Give (start, end) of each message, text or bytes numbered ``wanted``."""
    for field in fields(data, position, end):
        if field.number == wanted and field.end is not None:
            yield field.value, field.end


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Return a variable-length integer and where it ends. Raises IndexError if it is cut off."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
