"""Checksums of stretches: those of zlib, wherever they begin and end."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.spool.stretches import Stretches

DATA = bytes(number * number % 251 for number in range(20_000))
STRETCHES = Stretches(DATA)


@given(st.integers(0, len(DATA)), st.integers(0, len(DATA)))
def test_every_stretch_has_the_checksum_that_zlib_gives(one: int, other: int) -> None:
    start, end = sorted((one, other))

    assert STRETCHES.crc(start, end) == zlib.crc32(DATA[start:end])


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 4_096, b"y" * 4_097])
def test_texts_about_as_long_as_a_block_are_no_exception(data: bytes) -> None:
    assert Stretches(data).crc(0, len(data)) == zlib.crc32(data)
    assert Stretches(data).crc(len(data), len(data)) == 0
