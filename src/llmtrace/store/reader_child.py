"""The other side of ``reader_process``: a process that reads requests, and nothing else.

It is told once how (prices, what is redacted), says ``ready``, and then answers each question (a
line of JSON and the requests' bytes) with a line of JSON and Arrow streams. It opens no store,
writes no file, and ends when its input does: whoever asked is gone.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import pyarrow as pa

from llmtrace.config import Settings
from llmtrace.otlp.redacting import RowRedactor
from llmtrace.store.arrow import Tables
from llmtrace.store.batch import Batch
from llmtrace.store.chunks import ReadChunk, ReadFrame, Reading
from llmtrace.store.memory import give_memory_back
from llmtrace.store.own_stdout import take_stdout
from llmtrace.store.pricing import settings_pricer

if TYPE_CHECKING:
    from collections.abc import Sequence

READY: Final = b"ready\n"
_COLLECT_EVERY: Final = 50
_TABLES: Final = ("spans", "payloads", "events", "links", "resources")


def main() -> None:
    """Answer questions on standard input on standard output."""
    asked, answer = sys.stdin.buffer, take_stdout()
    # Ctrl+C is for who started us: what was asked is answered, then the input ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    give_memory_back()
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    reading = _reading(json.loads(asked.readline()))
    # Rows hold no cycles: looking for some among so many takes a tenth of all the time.
    gc.disable()
    gc.freeze()
    answer.write(READY)
    answer.flush()
    for number in count(1):
        line = asked.readline()
        if not line:
            os._exit(0)  # nothing to tidy up
        question = json.loads(line)
        payloads = [asked.read(size) for size in question["sizes"]]
        write_chunk(answer, reading.read(payloads, datetime.fromisoformat(question["now"])))
        if not number % _COLLECT_EVERY:
            gc.collect()


def how(settings: Settings) -> dict[str, str | None]:
    """Return what the process is told at its start: no secret is among it."""
    prices = settings.prices_file
    return {
        "home": str(settings.home),
        "prices_file": None if prices is None else str(prices),
        "capture_content": settings.capture_content,
    }


def question(payloads: Sequence[bytes], now: datetime) -> bytes:
    """Return the line that the payloads follow."""
    told = {"now": now.isoformat(), "sizes": [len(payload) for payload in payloads]}
    return json.dumps(told).encode() + b"\n"


def write_chunk(file: IO[bytes], chunk: ReadChunk) -> None:
    """Write an answer, as ``read_chunk`` takes it."""
    frames = [
        [frame.batch_hash.hex(), frame.spans, dict(frame.counts), frame.error]
        for frame in chunk.frames
    ]
    batch = chunk.batch
    told = {
        "frames": frames,
        "twins_us": batch.twins_us,
        "has_foreign_calls": batch.has_foreign_calls,
    }
    file.write(json.dumps(told).encode() + b"\n")
    for name in _TABLES:
        table: pa.Table = getattr(batch.tables, name)
        with pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
    file.flush()


def read_chunk(file: IO[bytes]) -> ReadChunk:
    """Read an answer. Raises EOFError or ValueError if it is not whole."""
    line = file.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    told: dict[str, Any] = json.loads(line)
    tables = {name: _table(file) for name in _TABLES}
    first, last = told["twins_us"]
    return ReadChunk(
        [
            ReadFrame(bytes.fromhex(batch_hash), spans, counts, error)
            for batch_hash, spans, counts, error in told["frames"]
        ],
        Batch(
            tables=Tables(**tables),
            twins_us=(first, last),
            has_foreign_calls=told["has_foreign_calls"],
        ),
    )


def _reading(told: dict[str, Any]) -> Reading:
    prices = told["prices_file"]
    settings = Settings(
        home=Path(told["home"]),
        prices_file=None if prices is None else Path(prices),
        capture_content=told["capture_content"],
    )
    return Reading(settings_pricer(settings), RowRedactor(settings.capture_content))


def _table(file: IO[bytes]) -> pa.Table:
    with pa.ipc.open_stream(file) as stream:
        return stream.read_all()
