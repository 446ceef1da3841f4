"""Lets a process that takes and frees megabytes all the time give them back to the system.

By itself glibc keeps freed blocks up to the size of the largest it has seen, and Arrow's allocator
what it once needed: some hundred megabytes in a collector, thirty in the process that reads for it.
DuckDB's (jemalloc) lets the system take freed pages after a second, and gives them back after two:
fifty more in a collector that answers, whose blocks come and go.
For processes of our own only: it holds for all that runs in them.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

# malloc.h of glibc; other systems have no ``mallopt``, or take no notice.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LARGE_BYTES: Final = 256 * 1024
"""From this size on a block is a mapping of its own, which ends when it is freed."""
_KEPT_BYTES: Final = 8 * 1024 * 1024
_HEAPS: Final = 4
"""Of all threads: by itself there are eight for each processor, and each keeps what it had. Fewer
are waited for."""
_EVERY_S: Final = 2.0
_DUCKDB_KEEPS_MS: Final = {"dirty": 250, "muzzy": 0}
"""Freed pages, before the system may take them and after. With nothing at all pages are taken and
given all the time, a third more processor time."""


def give_memory_back() -> None:
    """Let go of what is freed from now on: large blocks at once, the rest every two seconds.

    Of DuckDB's where it is loaded already. Starts a thread that ends with the process.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    if "_duckdb" in sys.modules:
        with suppress(AttributeError, OSError, TypeError):  # another build, without jemalloc
            _have_duckdb_keep_less(ctypes.CDLL(sys.modules["_duckdb"].__file__))
    with suppress(AttributeError, OSError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_M_ARENA_MAX, _HEAPS)
        trim = libc.malloc_trim
        threading.Thread(target=_trim, args=[trim], name="llmtrace-memory", daemon=True).start()


def _have_duckdb_keep_less(duckdb: ctypes.CDLL) -> None:
    # jemalloc's ``mallctl`` by DuckDB's name for it. First of arenas to come, then of those there
    # are: two for each processor at most, and for one that is none nothing happens.
    mallctl = duckdb.duckdb_je_mallctl
    mallctl.argtypes = [ctypes.c_char_p, *[ctypes.c_void_p] * 3, ctypes.c_size_t]
    for kind, keeps_ms in _DUCKDB_KEEPS_MS.items():
        value = ctypes.c_ssize_t(keeps_ms)
        for arenas in ("arenas", *(f"arena.{place}" for place in range(2 * (os.cpu_count() or 1)))):
            name = f"{arenas}.{kind}_decay_ms".encode()
            mallctl(name, None, None, ctypes.byref(value), ctypes.sizeof(value))


def _trim(malloc_trim: Callable[[int], int]) -> None:
    # By itself glibc gives back what is free at the end of a heap, of which each thread has one;
    # what is free before something that stays, never. In a busy collector 2 ms for 20 MB.
    while True:
        time.sleep(_EVERY_S)
        malloc_trim(0)
