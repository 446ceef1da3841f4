"""The write-ahead log: done means on the disk, failed means nothing of it is there."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from llmtrace.collector.log import WriteAheadLog
from llmtrace.errors import SegmentError
from llmtrace.spool import SegmentWriter, list_segments, read_frames

if TYPE_CHECKING:
    from pathlib import Path


class _Watched(SegmentWriter):
    """A real writer that counts its syncs, holds the first back, and can be told to fail."""

    syncs = 0
    fail_sync = False

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, now_ns=lambda: 1, pid=1)
        self.may_sync = threading.Event()

    def sync(self) -> None:
        assert self.may_sync.wait(20)
        self.syncs += 1
        if self.fail_sync:
            raise SegmentError("the disk is gone")
        super().sync()


def payloads(directory: Path) -> list[bytes]:
    return [
        frame.payload for path in list_segments(directory) for frame in read_frames(path).frames
    ]


def test_requests_that_wait_together_are_synced_together(tmp_path: Path) -> None:
    writer = _Watched(tmp_path)
    durable: list[int] = []
    log = WriteAheadLog(writer, durable.append)

    futures = [log.append(str(number).encode()) for number in range(50)]
    before = any(future.done() for future in futures)
    writer.may_sync.set()
    for future in futures:
        future.result(20)

    assert not before
    assert payloads(tmp_path) == [str(number).encode() for number in range(50)]
    assert writer.syncs < 10
    log.close()
    assert sum(durable) == sum(len(str(number)) for number in range(50))
    assert len(durable) < 10


def test_a_sync_that_fails_fails_every_request_in_it(tmp_path: Path) -> None:
    writer = _Watched(tmp_path)
    writer.fail_sync = True
    durable: list[int] = []
    log = WriteAheadLog(writer, durable.append)
    future = log.append(b"x")
    writer.may_sync.set()

    with pytest.raises(SegmentError, match="the disk is gone"):
        future.result(20)
    log.close()
    assert durable == []


def test_a_request_that_cannot_be_written_does_not_fail_its_neighbours(tmp_path: Path) -> None:
    log = WriteAheadLog(SegmentWriter(tmp_path, now_ns=lambda: 1, pid=1), lambda _: None)

    bad = log.append(bytes(65 * 1024 * 1024))
    good = log.append(b"good")

    with pytest.raises(SegmentError, match="over the limit"):
        bad.result(20)
    good.result(20)
    assert payloads(tmp_path) == [b"good"]
    log.close()


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    log = WriteAheadLog(SegmentWriter(tmp_path, now_ns=lambda: 1, pid=1), lambda _: None)
    futures = [log.append(b"x") for _ in range(20)]

    log.close()

    assert all(future.done() for future in futures)
    assert len(payloads(tmp_path)) == 20
