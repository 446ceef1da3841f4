"""Lets a process that takes and frees megabytes all the time give them back to the system.

By itself glibc keeps freed blocks up to the size of the largest it has seen, and Arrow's allocator
what it once needed: some hundred megabytes in a collector, thirty in the process that reads for it.
For processes of our own only: it holds for all that runs in them.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Final

import pyarrow as pa

# malloc.h of glibc; other systems have no ``mallopt``, or take no notice.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_LARGE_BYTES: Final = 256 * 1024
"""From this size on a block is a mapping of its own, which ends when it is freed."""
_KEPT_BYTES: Final = 8 * 1024 * 1024


def give_memory_back() -> None:
    """Let go of what is freed from now on."""
    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
