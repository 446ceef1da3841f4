"""What a process of ours has freed is the system's again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other allocators take no advice"
)

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


_BETWEEN = """
import sys, time
from pathlib import Path
from llmtrace.store import memory
memory._EVERY_S = float(sys.argv[1])
memory.give_memory_back()

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

before = resident()
blocks = [bytes(2_000) for _ in range(50_000)]  # too small to be mappings of their own
pins = blocks[::500]
del blocks
end = time.monotonic() + 3
while (kept := resident() - before) > 10_000_000 and time.monotonic() < end:
    time.sleep(0.05)
print(kept // 1_000_000)
"""


def test_what_is_free_between_what_stays_is_given_back_too() -> None:
    def kept_mb(every_s: float) -> int:
        command = [sys.executable, "-c", _BETWEEN, str(every_s)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return int(done.stdout)

    assert kept_mb(0.1) <= 10
    assert kept_mb(3_600) > 50


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


_DUCKDB = """
import ctypes, sys, time
from pathlib import Path
import _duckdb, duckdb
from llmtrace.store import memory
if sys.argv[1] == "yes":
    memory.give_memory_back()

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def told(name, kind):
    value = kind(-2)
    size = ctypes.c_size_t(ctypes.sizeof(value))
    ctypes.CDLL(_duckdb.__file__).duckdb_je_mallctl(
        name.encode(), ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0))
    return value.value

duckdb.execute("set threads = 1")
duckdb.execute("set enable_progress_bar = false")  # it goes to standard output
duckdb.execute("create table a as select range as i from range(1000)")
before = resident()
duckdb.execute("create table b as select repeat('x', 100) || range as t from range(3_000_000)")
duckdb.execute("drop table b")
end = time.monotonic() + 30
while resident() - before > 50_000_000 and time.monotonic() < end:
    duckdb.execute("select sum(i) from a").fetchall()  # its allocator looks when it is asked
arena = told("thread.arena", ctypes.c_uint)
print((resident() - before) // 1_000_000,
      *(told(f"arena.{arena}.{kind}_decay_ms", ctypes.c_ssize_t) for kind in ("dirty", "muzzy")))
"""


def test_duckdb_gives_back_what_it_freed_after_a_quarter_of_a_second() -> None:
    def kept(gives_back: str) -> list[int]:
        command = [sys.executable, "-c", _DUCKDB, gives_back]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return [int(each) for each in done.stdout.split()]

    megabytes, dirty_ms, muzzy_ms = kept("yes")
    assert megabytes <= 50
    assert (dirty_ms, muzzy_ms) == (250, 0)
    assert kept("no")[1:] == [1_000, 1_000]


_HEAPS = """
import ctypes, threading
from llmtrace.store import memory
memory.give_memory_back()
done = threading.Barrier(17)

def take():
    blocks = [bytes(1_000) for _ in range(100)]
    done.wait()
    blocks.clear()

threads = [threading.Thread(target=take) for _ in range(16)]
for each in threads:
    each.start()
done.wait()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.fclose.argtypes = [ctypes.c_void_p]
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
file = libc.fopen(b"/dev/stdout", b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""


def test_threads_share_a_few_heaps() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _HEAPS], capture_output=True, text=True, timeout=60, check=True
    )

    assert 2 <= done.stdout.count("<heap nr=") <= 4
