"""Frames: whatever is cut, flipped or zeroed, every whole frame is read and nothing else is."""

from __future__ import annotations

import os
import random
import struct
import zlib
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import SegmentError
from llmtrace.spool import frames
from llmtrace.spool.frames import HEADER_BYTES, header, parse_frames, read_frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAYLOADS = [b"first", b"", b"third LTS1 with the magic in it", bytes(range(256)) * 3]
SEGMENT = b"".join(header(payload) + payload for payload in PAYLOADS)
ENDS = [
    sum(HEADER_BYTES + len(payload) for payload in PAYLOADS[: count + 1])
    for count in range(len(PAYLOADS))
]


def test_every_payload_comes_back_with_where_it_ends() -> None:
    found = parse_frames(SEGMENT)

    assert [frame.payload for frame in found.frames] == PAYLOADS
    assert [frame.end for frame in found.frames] == ENDS
    assert (found.next_offset, found.damaged) == (len(SEGMENT), 0)


@pytest.mark.parametrize("length", range(len(SEGMENT) + 1))
def test_a_segment_cut_anywhere_gives_the_frames_before_the_cut(length: int) -> None:
    found = parse_frames(SEGMENT[:length])

    whole = [end for end in ENDS if end <= length]
    assert [frame.end for frame in found.frames] == whole
    assert found.next_offset == (whole[-1] if whole else 0)
    assert found.damaged == 0


@pytest.mark.parametrize("zeros", [1, 15, 16, 17, 4096])
def test_a_tail_of_zeros_is_where_reading_stops(zeros: int) -> None:
    found = parse_frames(SEGMENT + bytes(zeros))

    assert len(found.frames) == len(PAYLOADS)
    assert (found.next_offset, found.damaged) == (len(SEGMENT), 0)


def test_a_flipped_bit_costs_at_most_the_frame_it_is_in() -> None:
    chance = random.Random(7)
    for _ in range(500):
        place = chance.randrange(len(SEGMENT))
        damaged = bytearray(SEGMENT)
        damaged[place] ^= 1 << chance.randrange(8)

        found = parse_frames(bytes(damaged))

        hit = next(index for index, end in enumerate(ENDS) if place < end)
        rest = [payload for index, payload in enumerate(PAYLOADS) if index != hit]
        assert [frame.payload for frame in found.frames] == rest
        assert found.damaged == (0 if hit == len(PAYLOADS) - 1 else 1)


def test_a_damaged_length_does_not_hide_the_frames_after_it() -> None:
    damaged = bytearray(SEGMENT)
    damaged[4:8] = (2**31).to_bytes(4, "little")

    found = parse_frames(bytes(damaged))

    assert [frame.payload for frame in found.frames] == PAYLOADS[1:]
    assert found.damaged == 1


def test_a_damaged_payload_full_of_forged_headers_is_passed_in_time_and_the_next_frame_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given: a payload of headers, each of which claims all that follows it
    size = 100_000
    forged = b"".join(
        struct.pack("<4sIII", b"LTS1", size - place - HEADER_BYTES, 1, 0)
        for place in range(0, size, HEADER_BYTES)
    )
    damaged = bytearray(header(forged) + forged)
    damaged[8] ^= 1
    whole = header(b"next") + b"next"
    monkeypatch.setattr(frames, "_MOST_IN_VAIN", 10 * size)
    checksummed: list[int] = []
    monkeypatch.setattr(frames.zlib, "crc32", _counting(checksummed))

    # when
    found = parse_frames(bytes(damaged) + whole)

    # then: not 3 000 times its size was looked at, and nothing is lost
    assert [frame.payload for frame in found.frames] == [b"next"]
    assert found.damaged == 1
    assert sum(checksummed) < 300 * size + 12 * size


def _counting(sizes: list[int]) -> Callable[..., int]:
    real = zlib.crc32

    def crc32(data: bytes, value: int = 0) -> int:
        sizes.append(len(data))
        return real(data, value)

    return crc32


def test_bytes_that_are_no_segment_give_no_frame() -> None:
    found = parse_frames(random.Random(1).randbytes(100_000))

    assert found == ([], 0, 0)


def test_reading_goes_on_from_an_offset(tmp_path: Path) -> None:
    path = tmp_path / "a.seg"
    path.write_bytes(SEGMENT)

    found = read_frames(path, ENDS[1])

    assert [frame.payload for frame in found.frames] == PAYLOADS[2:]
    assert found.next_offset == len(SEGMENT)


def test_a_missing_segment_reads_as_empty(tmp_path: Path) -> None:
    assert read_frames(tmp_path / "gone.seg", 5) == ([], 5, 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_segment_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "secret.seg"
    path.write_bytes(SEGMENT)
    path.chmod(0)

    with pytest.raises(SegmentError, match=r"secret\.seg: Permission denied; check the perm"):
        read_frames(path)


def test_a_folder_in_the_place_of_a_segment_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "folder.seg").mkdir()

    with pytest.raises(SegmentError, match=r"folder\.seg: Is a directory; .*move the file away"):
        read_frames(tmp_path / "folder.seg")
