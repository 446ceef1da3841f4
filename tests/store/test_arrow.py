"""Rows as Arrow: no field of a row is forgotten, and what is shared is shared."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from llmtrace.otlp.rows import EventRow, LinkRow, SpanRow
from llmtrace.store import Writer, arrow

if TYPE_CHECKING:
    from pathlib import Path

ROW = SpanRow(
    trace_id=b"t" * 16, span_id=1, start_time_us=5, end_time_us=9, duration_ns=4_000, name="chat"
)
ELSEWHERE = {"events", "links", "resource"}
RENAMED = {"start_time_us": "start_time", "end_time_us": "end_time"}


def test_every_field_of_a_row_is_a_column_of_spans_or_payloads() -> None:
    names = {RENAMED.get(name, name) for name in SpanRow._fields} - ELSEWHERE

    built = arrow.tables([ROW._replace(request_body="x")])

    columns = {*built.spans.column_names, *built.payloads.column_names}
    assert names <= columns
    assert columns - names == {"resource_id", arrow.PLACE}


def test_the_columns_are_those_of_the_store(tmp_path: Path) -> None:
    built = arrow.tables([ROW._replace(request_body="x")])

    with Writer(tmp_path / "s.duckdb") as writer:
        for table in ("spans", "payloads", "events", "links", "resources"):
            columns = writer.sql(f"from {table}").column_names  # our own table names
            given = set(getattr(built, table).column_names)
            assert given - {arrow.PLACE} == set(columns) - {"ingested_at", "first_seen"}


def test_no_rows_give_empty_tables() -> None:
    built = arrow.tables([])

    assert built.spans.num_rows == built.payloads.num_rows == built.resources.num_rows == 0


def test_a_row_without_bodies_has_no_payload() -> None:
    built = arrow.tables([ROW, ROW._replace(span_id=2, output_messages="[]")])

    assert built.payloads.column("span_id").to_pylist() == [2]


def test_events_and_links_carry_the_key_of_their_span() -> None:
    row = ROW._replace(
        events=(EventRow(time_us=6, name="a"), EventRow(time_us=7, name="b")),
        links=(LinkRow(trace_id=b"l" * 16, span_id=3),),
    )

    built = arrow.tables([row])

    assert built.events.column("span_id").to_pylist() == [1, 1]
    assert built.events.column("name").to_pylist() == ["a", "b"]
    assert built.links.column("linked_span_id").to_pylist() == [3]


def test_a_resource_that_many_spans_share_is_one_row_whatever_its_order() -> None:
    one = ROW._replace(resource={"a": "1", "b": "2"})
    same = ROW._replace(resource={"b": "2", "a": "1"})
    other = ROW._replace(resource={"a": "1"})

    built = arrow.tables([one, same, other])

    ids = built.spans.column("resource_id").to_pylist()
    assert ids[0] == ids[1] != ids[2]
    assert built.resources.num_rows == 2


def test_money_is_exact() -> None:
    built = arrow.tables([ROW._replace(cost_usd=Decimal("0.000000000001"))])

    assert built.spans.column("cost_usd").to_pylist() == [Decimal("0.000000000001")]
