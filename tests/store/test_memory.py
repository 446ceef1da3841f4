"""What a process of ours has freed is the system's again."""

from __future__ import annotations

import subprocess
import sys

_FREED = """
import sys
from pathlib import Path
from llmtrace.store.memory import give_memory_back
if sys.argv[1] == "yes":
    give_memory_back()
import pyarrow as pa

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

pa.array([1])  # loads what it needs
blocks = [bytes(20_000_000)]
blocks.clear()  # from now on glibc thinks that blocks of that size come and go
before = resident()
pins = []
for number in range(20):
    blocks.append(bytearray(b"x" * 4_000_000))
    pins.append(bytes(5_000))  # what stays above a freed block keeps it from going back
blocks.clear()
table = pa.table({"a": pa.array(range(4_000_000))})
del table
print((resident() - before) // 1_000_000, pa.default_memory_pool().backend_name)
"""


def kept_mb(*, gives_back: bool) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", _FREED, "yes" if gives_back else "no"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    kept, pool = done.stdout.split()
    return int(kept), pool


def test_what_was_freed_is_given_back() -> None:
    usually, _ = kept_mb(gives_back=False)
    kept, pool = kept_mb(gives_back=True)

    assert pool == "system"
    assert kept < 12
    assert kept < usually
