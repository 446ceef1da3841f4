"""A batch: each span once, sorted, and what is taken out of it takes its bodies along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace import semconv
from llmtrace.otlp.rows import EventRow, LinkRow, SpanRow
from llmtrace.store.arrow import PLACE
from llmtrace.store.batch import FRAME, batch_of

if TYPE_CHECKING:
    from llmtrace.store.batch import Batch

LINK = LinkRow(trace_id=b"l" * 16, span_id=9)


def row(span_id: int, start_us: int = 0, **fields: object) -> SpanRow:
    made = SpanRow(
        trace_id=b"t" * 16, span_id=span_id, start_time_us=start_us, end_time_us=start_us,
        duration_ns=0, origin=semconv.SCOPE_NAME, request_body=f"body {span_id}",
        events=(EventRow(time_us=1, name=f"event {span_id}"),),
    )  # fmt: skip
    return made._replace(**fields)


def ids(batch: Batch) -> list[int]:
    return batch.tables.spans.column("span_id").to_pylist()


def test_spans_are_sorted_by_their_start_and_know_their_request() -> None:
    batch = batch_of([[row(1, 30), row(2, 10)], [], [row(3, 20)]])

    assert ids(batch) == [2, 3, 1]
    assert batch.tables.spans.column(PLACE).to_pylist() == [0, 1, 2]
    assert batch.tables.spans.column(FRAME).to_pylist() == [0, 2, 0]
    assert batch.twins_us == (10, 30)


def test_many_requests_are_one_batch_whose_tables_agree() -> None:
    there = {"service.name": "shop"}
    requests = [
        [row(number + 300 * turn, turn, resource=there, links=(LINK,)) for number in range(1, 301)]
        for turn in range(5)
    ]

    batch = batch_of([*requests, requests[0]])

    spans = batch.tables.spans
    assert sorted(ids(batch)) == list(range(1, 1_501))
    assert spans.column(PLACE).to_pylist() == list(range(1_500))
    assert batch.twins_us == (0, 4)
    assert batch.tables.resources.num_rows == 1
    of_span = dict(zip(ids(batch), spans.column(PLACE).to_pylist(), strict=True))
    for table in (batch.tables.payloads, batch.tables.events, batch.tables.links):
        places = [of_span[each] for each in table.column("span_id").to_pylist()]
        assert places == table.column(PLACE).to_pylist()
    rest = batch.without_frames({0, 2, 4})
    assert sorted(ids(rest)) == [*range(301, 601), *range(901, 1_201)]
    assert rest.tables.links.num_rows == 600


def test_of_spans_with_the_same_ids_the_first_is_taken() -> None:
    batch = batch_of([[row(1, name="first")], [row(1, name="second"), row(2)]])

    assert batch.spans == 2
    assert batch.tables.spans.column("name").to_pylist()[ids(batch).index(1)] == "first"


def test_what_is_taken_out_takes_bodies_and_events_along() -> None:
    batch = batch_of([[row(1, 1), row(2, 2), row(3, 3)]]).without([0, 2])

    assert ids(batch) == [2]
    assert batch.tables.payloads.column("request_body").to_pylist() == ["body 2"]
    assert batch.tables.events.column("name").to_pylist() == ["event 2"]
    assert batch.without([1]).spans == 0


def test_spans_are_taken_out_by_their_request() -> None:
    batch = batch_of([[row(1, 5)], [row(2, 1)], [row(3, 9)]]).without_frames({0, 2})

    assert ids(batch) == [2]
    assert batch.tables.payloads.column("span_id").to_pylist() == [2]


def test_a_call_that_is_counted_elsewhere_says_so_and_is_in_no_sum() -> None:
    calls = [row(1, 1, is_inference=True, attributes={"a": "b"}), row(2, 2, is_inference=True)]

    spans = batch_of([calls]).counted_elsewhere({0}).tables.spans

    assert spans.column("is_inference").to_pylist() == [False, True]
    assert spans.column("attributes").to_pylist() == [
        [("a", "b"), (semconv.COUNTED_ELSEWHERE, "true")], []
    ]  # fmt: skip


def test_whether_another_tool_tells_of_calls() -> None:
    theirs = row(1, origin="other")

    assert not batch_of([[row(1, is_inference=True), theirs]]).has_foreign_calls
    assert batch_of([[theirs._replace(is_inference=True)]]).has_foreign_calls


def test_a_provider_batch_s_result_may_be_stored_as_of_another_time() -> None:
    result = row(1, 10, attributes={semconv.BATCH_CUSTOM_ID: "a"})

    first, last = batch_of([[result]]).twins_us

    assert last - first > 60 * 86_400 * 1_000_000


def test_no_spans_are_a_batch_too() -> None:
    batch = batch_of([[], []])

    assert batch.spans == 0
    assert batch.without_frames({0}).without([0]).counted_elsewhere({0}).spans == 0
