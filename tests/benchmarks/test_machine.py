"""What a benchmark says of the machine it ran on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.measuring import machine
from benchmarks.measuring.machine import Pace

if TYPE_CHECKING:
    import pytest


def test_the_pace_is_told_by_its_median_and_its_ends() -> None:
    pace = Pace()
    pace._took_ms += [6.0, 3.0, 4.0]

    assert "4.0 ms of processor time in the median, 3.0 at best, 6.0 at p95" in pace.told()
    assert "nan" in Pace().told()


def test_it_is_taken_as_long_as_the_block_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_EVERY_S", 0.001)

    with Pace() as pace:
        while len(pace._took_ms) < 3:
            time.sleep(0.001)
    taken = list(pace._took_ms)

    assert min(taken) > 0
    assert not pace._thread.is_alive()
