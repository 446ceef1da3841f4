"""The writer: each span once, all or nothing, what was stored before is known."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

import pytest

from llmtrace.clock import FixedClock
from llmtrace.errors import StoreError, StoreUnreachableError
from llmtrace.otlp.rows import EventRow, LinkRow, SpanRow
from llmtrace.store import Inserted, Transaction, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
START_US = 1_772_000_000_000_000


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with Writer(tmp_path / "llmtrace.duckdb", clock=FixedClock(NOW)) as opened:
        yield opened


def a_row(number: int, trace: int = 1) -> SpanRow:
    return SpanRow(
        trace_id=trace.to_bytes(16, "big"),
        span_id=number,
        start_time_us=START_US + number,
        end_time_us=START_US + number + 10,
        duration_ns=10_000,
        name="chat gpt-5",
        is_inference=True,
        operation="chat",
        resource={"service.name": "shop"},
    )


FULL = a_row(1)._replace(
    span_id=2**64 - 1,
    parent_span_id=5,
    kind="client",
    status="error",
    status_message="slow",
    error_type="timeout",
    http_status=504,
    service="shop",
    provider="openai",
    request_model="gpt-5",
    tags={"team": "search"},
    finish_reasons=("stop", "length"),
    is_stream=True,
    ttfc_ns=5,
    input_tokens=2**63 - 1,
    cost_usd=Decimal("999999.123456789012"),
    cost_source="list",
    cache_savings_usd=Decimal("-0.000000000001"),
    attributes={"free": "text \x00 🙂"},
    request_body='{"a": 1}',
    truncated="long",
    events=(EventRow(time_us=START_US, name="exception", attributes={"a": "b"}),),
    links=(LinkRow(trace_id=b"l" * 16, span_id=9),),
)


def spans(writer: Writer) -> list[int]:
    return sorted(writer.sql("select span_id from spans").column("span_id").to_pylist())


def test_a_row_comes_back_exactly_as_it_went_in(writer: Writer) -> None:
    writer.insert([FULL])

    (call,) = writer.sql("from llm_calls_full").to_pylist(maps_as_pydicts="strict")
    assert {name: call[name] for name in ("trace_id", "span_id", "parent_span_id")} == {
        "trace_id": "0" * 31 + "1",
        "span_id": "f" * 16,
        "parent_span_id": "0" * 15 + "5",
    }
    for name in ("status_message", "error_type", "http_status", "tags", "is_stream", "attributes"):
        assert call[name] == getattr(FULL, name)
    assert call["cost_usd"] == FULL.cost_usd
    assert call["cache_savings_usd"] == FULL.cache_savings_usd
    assert call["input_tokens"] == FULL.input_tokens
    assert call["finish_reasons"] == ["stop", "length"]
    assert (call["request_body"], call["response_body"], call["truncated"]) == (
        '{"a": 1}',
        None,
        "long",
    )
    assert writer.sql("select name from events").to_pylist() == [{"name": "exception"}]
    assert writer.sql("select linked_span_id from links").num_rows == 1


def test_a_span_that_is_sent_again_is_stored_once(writer: Writer) -> None:
    writer.insert([a_row(1), a_row(2)])

    result = writer.insert([a_row(2), a_row(3)])

    assert result == Inserted(stored=1, duplicates=1)
    assert spans(writer) == [1, 2, 3]


def test_ids_above_two_to_the_63_are_compared_with_those_stored(writer: Writer) -> None:
    random = Random(1)
    stored = [a_row(number)._replace(span_id=random.getrandbits(64)) for number in range(5)]
    writer.insert(stored)

    for _ in range(20):
        arriving = [a_row(n)._replace(span_id=random.getrandbits(64)) for n in range(5)]
        assert writer.insert(arriving).stored == 5
    assert writer.insert(stored).duplicates == 5


def test_a_span_that_comes_twice_in_one_batch_is_stored_once(writer: Writer) -> None:
    result = writer.insert([a_row(1), a_row(1), a_row(1)])

    assert result == Inserted(stored=1, duplicates=2)
    assert spans(writer) == [1]


def test_the_same_span_id_in_two_traces_is_two_spans(writer: Writer) -> None:
    assert writer.insert([a_row(1, trace=1), a_row(1, trace=2)]).stored == 2
    assert writer.insert([a_row(1, trace=3)]).stored == 1


def test_bodies_events_and_links_of_a_duplicate_are_not_stored_again(writer: Writer) -> None:
    writer.insert([FULL])
    writer.insert([FULL])

    for table in ("payloads", "events", "links", "resources"):
        assert writer.sql(f"from {table}").num_rows == 1


def test_offsets_counts_and_hashes_are_kept_with_the_rows(writer: Writer) -> None:
    writer.insert([], batch_hashes=[b"h" * 16], offsets={"a.seg": 10}, counts={"dead_letters": 1})
    writer.insert([], offsets={"a.seg": 30, "b.seg": 5}, counts={"dead_letters": 2})

    assert writer.offsets() == {"a.seg": 30, "b.seg": 5}
    assert writer.counts() == {"dead_letters": 3}
    assert writer.known_batches([b"h" * 16, b"x" * 16]) == {b"h" * 16}


def test_an_insert_that_fails_leaves_nothing_of_itself(writer: Writer) -> None:
    impossible = a_row(1)._replace(cost_usd=Decimal(10) ** 9)

    with pytest.raises(Exception, match=r"(?i)decimal|precision|rescal"):
        writer.insert([a_row(2), impossible], offsets={"a.seg": 10})

    assert spans(writer) == []
    assert writer.offsets() == {}


def test_segments_and_batches_can_be_forgotten(writer: Writer) -> None:
    writer.insert([], batch_hashes=[b"h" * 16], offsets={"a.seg": 10, "b.seg": 20})

    writer.forget_segments(["a.seg"])
    writer.forget_batches(before=NOW)
    kept = writer.known_batches([b"h" * 16])
    writer.forget_batches(before=datetime(2026, 3, 2, tzinfo=UTC))

    assert writer.offsets() == {"b.seg": 20}
    assert kept == {b"h" * 16}
    assert writer.known_batches([b"h" * 16]) == set()


def test_what_a_transaction_raises_undoes_all_of_it(writer: Writer) -> None:
    def work(transaction: Transaction) -> None:
        transaction.execute("insert into _counts values ('x', 1)")
        raise LookupError

    with pytest.raises(LookupError):
        writer.transaction(work)

    assert writer.counts() == {}


def test_a_wrong_statement_is_a_store_error_and_the_writer_goes_on(writer: Writer) -> None:
    with pytest.raises(StoreError, match="refused a statement"):
        writer.transaction(lambda transaction: transaction.execute("select * from nowhere"))

    assert writer.insert([a_row(1)]).stored == 1


def test_reading_does_not_wait_for_a_transaction_nor_see_into_it(writer: Writer) -> None:
    def work(transaction: Transaction) -> int:
        transaction.execute("insert into _counts values ('x', 1)")
        return writer.sql("from _counts").num_rows

    assert writer.transaction(work) == 0
    assert writer.sql("from _counts").num_rows == 1


def test_rows_are_there_after_closing_and_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "llmtrace.duckdb"
    with Writer(path) as writer:
        writer.insert([a_row(1)])

    with Writer(path) as writer:
        assert spans(writer) == [1]


def test_a_file_that_is_no_store_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "llmtrace.duckdb"
    path.write_bytes(b"something else entirely" * 500)

    with pytest.raises(StoreUnreachableError, match="it is not a store: move it away"):
        Writer(path)

    assert path.read_bytes() == b"something else entirely" * 500


def test_a_folder_that_does_not_exist_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreUnreachableError, match=r"cannot open the store .*llmtrace\.duckdb"):
        Writer(tmp_path / "nowhere" / "llmtrace.duckdb")
