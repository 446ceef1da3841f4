"""A damaged segment: cut at every byte of its end, bits flipped, pages zeroed; what is read of it.

    python benchmarks/damage.py [--quick] [--seed 1]

A segment of 8 MB is written as the collector writes its log. Its last 64 KB are cut at every byte,
1 000 bits are flipped one at a time, and 200 pages each are zeroed, doubled and swapped. Each time
the reader must give every frame that is whole, nothing else, and count the damage. A part of
the cases goes through the drain into a real store, twice, so that a loop would show. Ends with exit
code 1 at the first case that is not so.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.measuring.senders import SPANS, a_batch
from llmtrace.otlp.rows import leave_unpriced
from llmtrace.spool import SegmentWriter, list_segments, parse_frames, read_frames
from llmtrace.store import DATABASE_FILE, Drain, Drained, Writer
from llmtrace.store.chunks import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

SEGMENT_BYTES = 8 * 1024 * 1024
TAIL_BYTES = 64 * 1024
FLIPS = 1_000
PAGES = 200
PAGE_BYTES = 4_096
DRAINED = 150
QUICK_SHARE = 20
"""With ``--quick`` one case of so many."""
_FRAMES_OF_DRAINED = 8


class MisreadError(AssertionError):
    """A frame that was lost, made up, or not counted as damaged."""


@dataclass(frozen=True)
class Segment:
    """A whole segment, and where its frames lie."""

    data: bytes
    payloads: tuple[bytes, ...]
    ends: tuple[int, ...]

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each frame begins."""
        return (0, *self.ends[:-1])

    def whole_in(self, data: bytes) -> list[int]:
        """Return which frames lie in ``data`` as they were written."""
        return [
            number
            for number, (start, end) in enumerate(zip(self.starts, self.ends, strict=True))
            if data[start:end] == self.data[start:end]
        ]


def a_segment(folder: Path, size: int) -> Segment:
    """Write a segment of about ``size`` bytes with the collector's own writer."""
    writer = SegmentWriter(folder, max_segment_bytes=2 * size, now_ns=time.time_ns, pid=os.getpid())
    payloads: list[bytes] = []
    ends: list[int] = []
    for number in count(1):
        payloads.append(a_batch(number))
        ends.append(writer.append(payloads[-1]).end)
        if ends[-1] >= size:
            break
    writer.close()
    (path,) = list_segments(folder)
    return Segment(path.read_bytes(), tuple(payloads), tuple(ends))


def cut_everywhere(segment: Segment, folder: Path, tail: int, *, step: int = 1) -> int:
    """Shorten a file byte by byte over its last ``tail`` bytes and read it; return how often.

    Reading begins, as the collector's does, where the last transaction left off.
    """
    path = folder / "cut.seg"
    path.write_bytes(segment.data)
    size = len(segment.data)
    applied = max((end for end in segment.ends if end <= size - tail), default=0)
    cases = 0
    with path.open("r+b") as file:
        for length in range(size, size - tail - 1, -step):
            file.truncate(length)
            found = read_frames(path, applied)
            expected = [end for end in segment.ends if applied < end <= length]
            if [frame.end for frame in found.frames] != expected or found.damaged:
                raise MisreadError(f"cut at {length}: frames end at {found[0]}, not {expected}")
            if found.next_offset != (expected[-1] if expected else applied):
                raise MisreadError(f"cut at {length}: reading goes on at {found.next_offset}")
            cases += 1
    path.unlink()
    return cases


def flips(segment: Segment, draw: random.Random, cases: int) -> Iterator[bytes]:
    """Give the segment with one bit flipped, at other places each time."""
    data = bytearray(segment.data)
    for _ in range(cases):
        place, bit = draw.randrange(len(data)), 1 << draw.randrange(8)
        data[place] ^= bit
        yield bytes(data)
        data[place] ^= bit


def pages(segment: Segment, draw: random.Random, cases: int) -> Iterator[bytes]:
    """Give the segment with a page zeroed, written over another, or exchanged with another."""
    last = (len(segment.data) - 1) // PAGE_BYTES - 1
    for number in range(3 * cases):
        data = bytearray(segment.data)
        here, there = (draw.randrange(last) * PAGE_BYTES for _ in range(2))
        page = data[here : here + PAGE_BYTES]
        if number % 3 == 0:
            page = bytearray(PAGE_BYTES)
        elif number % 3 == 1:
            page = data[there : there + PAGE_BYTES]
        else:
            data[there : there + PAGE_BYTES], page = page, data[there : there + PAGE_BYTES]
        data[here : here + PAGE_BYTES] = page
        yield bytes(data)


def read_all(cases: Iterator[bytes], segment: Segment) -> tuple[int, float]:
    """Read each case; return how many there were, and the seconds that the longest took."""
    number, longest = 0, 0.0
    for number, data in enumerate(cases, 1):
        began = time.perf_counter()
        found = parse_frames(data)
        longest = max(longest, time.perf_counter() - began)
        whole = segment.whole_in(data)
        if [frame.payload for frame in found.frames] != [segment.payloads[n] for n in whole]:
            raise MisreadError(f"case {number}: {len(found.frames)} frames, not {len(whole)}")
        # What lies behind the last whole frame is told by where reading stopped.
        told = found.damaged + (found.next_offset < len(data))
        if (told > 0) != (len(whole) < len(segment.payloads)):
            raise MisreadError(f"case {number}: {told} stretches counted as damaged")
    return number, longest


def drain_all(home: Path, cases: int, seed: int) -> tuple[int, int]:
    """Let the drain take damaged segments into a store; return the cases and damages counted."""
    segment = a_segment(home / "source", _FRAMES_OF_DRAINED * len(a_batch(1)))
    draw = random.Random(seed)  # noqa: S311  # where to damage, not a secret
    damages = 0
    with Writer(home / DATABASE_FILE) as writer:
        drain = Drain(home, writer, Reading(leave_unpriced))
        spool = home / "spool"
        spool.mkdir()
        for number, flipped in enumerate(flips(segment, draw, cases)):
            data = flipped[: draw.randrange(len(flipped))] if number % 2 else flipped
            whole = segment.whole_in(data)
            (spool / f"{number:020d}-1-0.seg").write_bytes(data)
            done, again = drain.run(), drain.run()
            if done.stored + done.duplicates != len(whole) * SPANS or again != Drained():
                raise MisreadError(f"case {number}: the drain took {done}, then {again}")
            kept = sum(segment.ends[n] - segment.starts[n] for n in whole)
            if bool(done.damaged) != (kept < len(data)):
                raise MisreadError(f"case {number}: {done.damaged} damages counted")
            if list_segments(spool):
                raise MisreadError(f"case {number}: the segment is still there")
            damages += done.damaged
        counted = writer.counts().get("damaged_frames", 0)
        ids = writer.sql("select count(*), count(distinct span_id) from spans").to_pylist()[0]
        if counted != damages or len(set(ids.values())) != 1:
            raise MisreadError(f"{counted} damages in the store, {damages} told; spans: {ids}")
    return cases, damages


def main() -> None:
    """Damage it in every way and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"one case of {QUICK_SHARE}")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    share = QUICK_SHARE if given.quick else 1
    draw = random.Random(given.seed)  # noqa: S311  # where to damage, not a secret
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    logging.disable()  # each damage is a warning
    print(f"{os.cpu_count()} CPUs, load {load}, Python {platform.python_version()}")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        segment = a_segment(Path(folder, "wal"), SEGMENT_BYTES)
        print(f"a segment of {len(segment.data):,} bytes, {len(segment.ends)} frames")
        cuts = cut_everywhere(segment, Path(folder), TAIL_BYTES, step=share)
        print(f"cut at {cuts:,} places of its last {TAIL_BYTES:,} bytes: every whole frame is read")
        cases, longest = read_all(flips(segment, draw, FLIPS // share), segment)
        print(
            f"{cases:,} bits flipped, one at a time: only its frame is lost; {longest:.2f} s most"
        )
        cases, longest = read_all(pages(segment, draw, PAGES // share), segment)
        print(f"{cases:,} pages zeroed, doubled or exchanged: the same; {longest:.2f} s most")
        cases, damages = drain_all(Path(folder, "home"), DRAINED // share, given.seed)
        print(f"{cases:,} damaged segments through the drain: {damages} damages, all counted once")
    print(f"in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
