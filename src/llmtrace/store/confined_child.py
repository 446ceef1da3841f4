"""The other side of ``confined``: a process that runs one query within limits, and ends.

It reads one line (the question), says ``ready``, opens the file when told to, and writes one line
(an outcome) and, if there are rows, an Arrow stream. It ends at once when its input does: whoever
asked is gone. It writes no file, has no environment and no descriptor but these two and the store.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from llmtrace.errors import LlmtraceError, QueryError, QueryMemoryError
from llmtrace.store._connection import open_for_reading
from llmtrace.store.adhoc import run_query
from llmtrace.store.lending import HEADER_BYTES
from llmtrace.store.own_stdout import take_stdout
from llmtrace.store.parameters import from_json

if TYPE_CHECKING:
    from typing import IO, BinaryIO

    from llmtrace.store._connection import Connection

READY: Final = b"ready\n"
OPENED: Final = b"opened\n"
_GONE: Final = 1
_OUT_OF_MEMORY: Final = 2
_NICE: Final = 5
"""All processors are used that others leave: spans that arrive are stored first."""


def main() -> None:
    """Answer the question on standard input on standard output."""
    asked, answer = sys.stdin.buffer, take_stdout()
    question = json.loads(asked.readline())
    _limit(question["memory_bytes"], question["cpu_s"])
    os.nice(_NICE)
    _say(answer, READY)
    path = Path(json.loads(asked.readline())["path"])
    with path.open("rb") as file:
        before = _header(file)
        try:
            connection = open_for_reading(
                path, memory_bytes=question["memory_bytes"] // 2, threads=question["threads"]
            )
            _say(answer, OPENED)
            threading.Thread(target=_end_with, args=(asked,), daemon=True).start()
            table = _run(connection, question)
            if _header(file) != before:
                raise QueryError("the store was rewritten while the query ran; try again")
        except LlmtraceError as error:
            is_memory = isinstance(error, QueryMemoryError)
            _outcome(answer, {"error": str(error), "is_memory": is_memory})
        except MemoryError:
            os._exit(_OUT_OF_MEMORY)
        else:
            _outcome(answer, {})
            with pa.ipc.new_stream(answer, table.schema) as stream:
                stream.write_table(table)
    answer.flush()
    os._exit(0)  # what DuckDB would tidy up goes with the process


def _run(connection: Connection, question: dict[str, Any]) -> pa.Table:
    return run_query(
        connection,
        question["query"],
        [from_json(value) for value in question["parameters"]],
        max_rows=question["max_rows"],
        max_bytes=question["max_bytes"],
        timeout_s=question["timeout_s"],
    )


def _limit(memory_bytes: int, cpu_s: int) -> None:
    """Bound what this process may take, whatever a query does."""
    for kind, limit in (
        (resource.RLIMIT_AS, _address_space() + memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)  # noqa: PLW2901  # never more than this process was given
        resource.setrlimit(kind, (limit, limit))


def _address_space() -> int:
    """Return the bytes of addresses in use: the libraries alone take hundreds of megabytes."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return 1024 * 1024 * 1024
    return pages * resource.getpagesize()


def _header(file: BinaryIO) -> bytes:
    return os.pread(file.fileno(), HEADER_BYTES, 0)


def _end_with(asked: BinaryIO) -> None:
    asked.read()
    os._exit(_GONE)


def _outcome(answer: IO[bytes], outcome: dict[str, object]) -> None:
    _say(answer, json.dumps(outcome).encode() + b"\n")


def _say(answer: IO[bytes], line: bytes) -> None:
    answer.write(line)
    answer.flush()
