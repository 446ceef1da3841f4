"""What the figures were measured on."""

from __future__ import annotations

import math
import os
import platform
import statistics
import threading
import time
from pathlib import Path
from typing import Final, Self

_EVERY_S: Final = 1.0
_LOOPS: Final = 100_000
"""Some 3 ms of a quiet machine of 2026."""


def machine() -> str:
    """Return processors, system and Python in one line."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"{len(os.sched_getaffinity(0))} CPUs, {cpu}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


class Pace:
    """How fast the machine is meanwhile: CPU time of a fixed piece of Python, once a second.

    A virtual processor may get half of a real one for minutes, which no load and no stolen time
    tells: runs compare as far as their paces do. A context manager.
    """

    def __init__(self) -> None:
        """Prepare; nothing runs yet."""
        self._took_ms: list[float] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        """Start looking."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop looking."""
        self._is_over.set()
        self._thread.join()

    def told(self) -> str:
        """Return it in words, after the block or within it."""
        ordered = sorted(self._took_ms) or [math.nan]
        slowest = ordered[math.ceil(0.95 * len(ordered)) - 1]
        return (
            f"pace: a fixed loop took {statistics.median(ordered):.1f} ms of processor time in the "
            f"median, {ordered[0]:.1f} at best, {slowest:.1f} at p95"
        )

    def _look(self) -> None:
        while not self._is_over.wait(_EVERY_S):
            began_s = time.thread_time()
            total = 0
            for number in range(_LOOPS):
                total += number * number
            self._took_ms.append((time.thread_time() - began_s) * 1_000)
