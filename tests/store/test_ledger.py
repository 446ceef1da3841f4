"""The ledger: every span that is read is stored, known, without ids, or put aside; none is two."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import StoreUnreachableError
from llmtrace.otlp.rows import leave_unpriced
from llmtrace.spool import SegmentWriter
from llmtrace.store import Drain, Writer
from llmtrace.store.chunks import Reading
from llmtrace.store.ledger import Ledger
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.otlp.rows import SpanRow

CLOCK = count(1_700_000_000_000_000_000)


def write(home: Path, folder: str, *payloads: bytes) -> None:
    segments = SegmentWriter(home / folder, now_ns=lambda: next(CLOCK), pid=os.getpid())
    for payload in payloads:
        segments.append(payload)
    segments.close()


def no_price_for_two(row: SpanRow) -> SpanRow:
    if row.span_id == 2:
        raise ZeroDivisionError
    return row


def test_each_way_in_and_each_end_is_counted(tmp_path: Path, writer: Writer) -> None:
    write(tmp_path, "wal", request(span(1)))
    drain = Drain(tmp_path, writer, Reading(no_price_for_two))
    write(tmp_path, "wal", request(span(1), span(3)), request(span(4, trace_id=bytes(16))))
    write(tmp_path, "spool", request(span(2), span(5)), request(span(3), span(6)), b"garbage")

    drain.run()

    assert drain.ledger == Ledger(
        from_earlier_log=1,
        from_log=3,
        from_spool=4,
        stored=3,
        duplicates=2,
        without_ids=1,
        dead_letter=2,
        dead_letter_requests=2,
    )
    assert drain.ledger.read == drain.ledger.settled


def test_what_a_failing_disk_makes_us_read_twice_is_counted_once(
    tmp_path: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain = Drain(tmp_path, writer, Reading(leave_unpriced))
    write(tmp_path, "spool", request(span(1), span(2)), request(span(1), span(2)))

    with monkeypatch.context() as broken:

        def fail(*_: object, **__: object) -> None:
            raise StoreUnreachableError("the disk is full")

        broken.setattr(writer, "insert_batch", fail)
        with pytest.raises(StoreUnreachableError):
            drain.run()
        before = drain.ledger
    drain.run()

    assert before == Ledger()
    assert drain.ledger == Ledger(from_spool=4, stored=2, duplicates=2)
