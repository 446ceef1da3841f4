"""What a home takes on its disk is what its files say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmtrace.spool import SegmentWriter
from llmtrace.spool.keeping import activate
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.dead_letters import put_aside
from llmtrace.store.on_disk import (
    DeadLetters,
    Segments,
    dead_letters,
    disk,
    forward_waiting,
    segments,
    store_bytes,
)
from tests.store.calls import call

if TYPE_CHECKING:
    from pathlib import Path


def test_an_empty_home_takes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "new"

    assert store_bytes(home) == {"database": 0, "log": 0}
    assert segments(home / "spool") == Segments(files=0, size_bytes=0, written_now=0)
    assert (forward_waiting(home), dead_letters(home)) == ({}, [])
    assert 0 < disk(home).free_bytes <= disk(home).total_bytes


def test_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.insert([call()])
        sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir() if path.is_file()}
        told = store_bytes(tmp_path)

    assert told == {
        "database": sizes[DATABASE_FILE],
        "log": sizes[f"{DATABASE_FILE}.wal"],
    }
    assert min(told.values()) > 0


def test_segments_are_counted_with_those_that_somebody_writes(tmp_path: Path) -> None:
    done = SegmentWriter(tmp_path / "spool", now_ns=lambda: 1, pid=1)
    done.append(b"one")
    done.close()
    open_one = SegmentWriter(tmp_path / "spool", now_ns=lambda: 2, pid=os.getpid())
    open_one.append(b"two")

    told = segments(tmp_path / "spool")
    open_one.close()

    sizes = [path.stat().st_size for path in (tmp_path / "spool").glob("*.seg")]
    assert (told.files, told.written_now) == (2, 1)
    assert told.size_bytes >= sum(sizes)


def test_what_waits_to_be_sent_on_is_told_by_target(tmp_path: Path) -> None:
    activate(tmp_path, {"jaeger": 1_000_000})
    kept = SegmentWriter(tmp_path / "forward" / "jaeger", now_ns=lambda: 1, pid=1)
    kept.append(b"request")
    kept.close()

    (path,) = (tmp_path / "forward" / "jaeger").glob("*.seg")
    assert forward_waiting(tmp_path) == {"jaeger": path.stat().st_size}


def test_dead_letters_are_told_by_reason(tmp_path: Path) -> None:
    put_aside(tmp_path, "a", b"12345", "it could not be read")
    put_aside(tmp_path, "b", b"123", "it could not be read")
    path = put_aside(tmp_path, "c", b"1", "other")
    path.with_suffix(".why").unlink()

    assert dead_letters(tmp_path) == [
        DeadLetters(reason="it could not be read", files=2, size_bytes=8),
        DeadLetters(reason="not noted", files=1, size_bytes=1),
    ]
