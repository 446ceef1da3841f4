"""A damaged segment costs the damaged frames and no other; the full run is benchmarks/damage.py."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from benchmarks import damage
from llmtrace.spool import Frames, parse_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def segment(tmp_path: Path) -> damage.Segment:
    return damage.a_segment(tmp_path / "wal", 100_000)


def test_cut_at_every_byte_of_its_last_frame_and_the_seam_before_it(
    segment: damage.Segment, tmp_path: Path
) -> None:
    last = len(segment.data) - segment.starts[-1]

    assert damage.cut_everywhere(segment, tmp_path, 600) == 601
    assert damage.cut_everywhere(segment, tmp_path, last + 40, step=37) > last // 37


@pytest.mark.parametrize("how", [damage.flips, damage.pages])
def test_flipped_bits_and_exchanged_pages_cost_only_the_frames_they_are_in(
    how: Callable[..., Iterator[bytes]], segment: damage.Segment
) -> None:
    cases, longest_s = damage.read_all(how(segment, random.Random(), 100), segment)

    assert cases >= 100
    assert longest_s < 5


def test_the_drain_takes_what_is_whole_counts_the_rest_once_and_does_not_loop(
    tmp_path: Path,
) -> None:
    assert damage.drain_all(tmp_path, 8, seed=random.randrange(10**6))[0] == 8


def test_a_frame_that_was_lost_would_have_been_noticed(
    segment: damage.Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: a reader that stops at the first damage
    def careless(data: bytes) -> Frames:
        found = parse_frames(data)
        return found._replace(frames=found.frames[: found.damaged or None])

    monkeypatch.setattr(damage, "parse_frames", careless)

    with pytest.raises(damage.MisreadError, match="frames, not"):
        damage.read_all(damage.flips(segment, random.Random(1), 20), segment)
