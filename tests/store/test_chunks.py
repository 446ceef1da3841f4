"""Reading requests: each says what became of it, and none to blame takes the others along."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from llmtrace.otlp.rows import leave_unpriced
from llmtrace.store.chunks import Reading
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from llmtrace.otlp.rows import SpanRow

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_each_request_says_what_was_read_of_it() -> None:
    payloads = [request(span(1), span(2)), b"\xff", request(span(3), span(0))]

    frames, batch = Reading(leave_unpriced).read(payloads, NOW)

    assert [frame.spans for frame in frames] == [2, 0, 1]
    assert [bool(frame.error) for frame in frames] == [False, True, False]
    assert frames[2].counts == {"rejected.id": 1}
    assert sorted(batch.tables.spans.column("span_id").to_pylist()) == [1, 2, 3]
    assert len({frame.batch_hash for frame in frames}) == 3


def test_the_same_bytes_have_the_same_hash() -> None:
    frames, batch = Reading(leave_unpriced).read([request(span(1))] * 2, NOW)

    assert frames[0].batch_hash == frames[1].batch_hash
    assert batch.spans == 1


def test_a_bug_on_one_request_leaves_the_others_well() -> None:
    def choosy(row: SpanRow) -> SpanRow:
        return row if row.span_id != 2 else 1 // 0  # pyright: ignore[reportReturnType]  # a bug

    priced = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1}
    payloads = [request(span(number, priced)) for number in (1, 2, 3)]

    frames, batch = Reading(choosy).read(payloads, NOW)

    assert [frame.error for frame in frames] == [None, "it could not be read", None]
    assert batch.tables.spans.column("span_id").to_pylist() == [1, 3]


def test_a_row_that_fits_no_column_is_the_fault_of_its_request_alone() -> None:
    def huge(row: SpanRow) -> SpanRow:
        return row._replace(input_tokens=2**70) if row.span_id == 2 else row

    priced = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1}
    payloads = [request(span(number, priced)) for number in (1, 2, 3)]

    frames, batch = Reading(huge).read(payloads, NOW)

    assert [frame.error for frame in frames] == [None, "it could not be stored", None]
    assert batch.tables.spans.column("span_id").to_pylist() == [1, 3]
    assert batch.tables.spans.column("frame").to_pylist() == [0, 2]
