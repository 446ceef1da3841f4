"""Opening the file for one operation: the spool first, and free again whatever happens."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from llmtrace.otlp.rows import leave_unpriced
from llmtrace.spool import SegmentWriter
from llmtrace.store import StoreLock
from llmtrace.store.local import opened_file
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path


def spool(home: Path, payload: bytes, folder: str = "spool") -> None:
    app = SegmentWriter(home / folder, now_ns=lambda: 1, pid=os.getpid())
    app.append(payload)
    app.close()


def test_the_spool_and_what_a_killed_collector_left_are_in_it(tmp_path: Path) -> None:
    spool(tmp_path, request(span(1)))
    spool(tmp_path, request(span(2)), folder="wal")

    with opened_file(tmp_path, leave_unpriced) as writer:
        assert writer is not None
        assert writer.sql("from llm_calls").num_rows == 2


def test_the_lock_is_held_within_and_free_afterwards(tmp_path: Path) -> None:
    other = StoreLock(tmp_path)

    with opened_file(tmp_path, leave_unpriced):
        within = other.try_acquire("other")

    assert not within
    assert other.try_acquire("other")


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), opened_file(tmp_path, leave_unpriced):
        raise ZeroDivisionError

    assert StoreLock(tmp_path).try_acquire("other")


def test_who_gives_up_waiting_gets_nothing(tmp_path: Path) -> None:
    held = StoreLock(tmp_path)
    held.try_acquire("collector")

    with opened_file(tmp_path, leave_unpriced, give_up=lambda: True) as writer:
        assert writer is None
    held.release()


def test_what_is_stored_can_be_read_though_a_request_cannot_be_put_aside(tmp_path: Path) -> None:
    spool(tmp_path, request(span(1)))
    with opened_file(tmp_path, leave_unpriced):
        pass
    (tmp_path / "deadletter").write_text("a file where the folder should be")
    spool(tmp_path, b"poison")

    with opened_file(tmp_path, leave_unpriced) as writer:
        assert writer is not None
        assert writer.sql("from llm_calls").num_rows == 1

    assert len(list((tmp_path / "spool").iterdir())) == 1
