"""The CRC-32 of any stretch of a text, each in the same short time however long it is. Pure.

For a damaged segment whose damaged part is full of what looks like headers: to check each over all
it claims would take time by the square of the size, hours for a megabyte that somebody made so.

A checksum of a prefix is known at every 4 KB. That of a stretch is the one up to its end, less the
one up to its start carried over as many bytes: CRC-32 is division of polynomials over GF(2), and
carrying over n bytes is multiplication by x to the 8n (as zlib's ``crc32_combine`` does it).
"""

from __future__ import annotations

import zlib
from typing import Final

_BLOCK: Final = 4_096
_POLYNOMIAL: Final = 0xEDB88320
"""CRC-32's, lowest power in the highest bit, as all numbers here."""
_ONE: Final = 1 << 31
_BITS: Final = 32


class Stretches:
    """Checksums of the stretches of ``data``."""

    def __init__(self, data: bytes) -> None:
        """Read it once."""
        self._data = memoryview(data)
        self._marks = [0]
        for start in range(0, len(data), _BLOCK):
            self._marks.append(zlib.crc32(self._data[start : start + _BLOCK], self._marks[-1]))

    def crc(self, start: int, end: int) -> int:
        """Return ``zlib.crc32(data[start:end])``."""
        return self._up_to(end) ^ _carried(self._up_to(start), end - start)

    def _up_to(self, position: int) -> int:
        block = position // _BLOCK
        return zlib.crc32(self._data[block * _BLOCK : position], self._marks[block])


def _product(one: int, other: int) -> int:
    """Multiply two polynomials modulo CRC-32's."""
    result = 0
    bit = _ONE
    while one:
        if one & bit:
            result ^= other
            one ^= bit
        bit >>= 1
        other = (other >> 1) ^ _POLYNOMIAL if other & 1 else other >> 1
    return result


def _powers() -> tuple[int, ...]:
    """Return x to the 8, 16, 32, …: what carries over 1, 2, 4, … bytes."""
    power = _ONE >> 8
    found: list[int] = []
    for _ in range(_BITS):
        found.append(power)
        power = _product(power, power)
    return tuple(found)


_CARRIES: Final = _powers()


def _carried(checksum: int, count: int) -> int:
    """Carry a checksum over ``count`` bytes."""
    for place in range(count.bit_length()):
        if count >> place & 1:
            checksum = _product(_CARRIES[place], checksum)
    return checksum
