"""A call that two tools told of is one call in every sum, whichever came first."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.otlp.rows import SpanRow
from llmtrace.store.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path

START = 1_767_225_600_000_000


def call(number: int, origin: str = "other", **fields: Any) -> SpanRow:
    """A call; its cost is its number, so that a sum says which ones counted."""
    given = {
        "trace_id": bytes([1]) * 16,
        "start_time_us": START + number * 1_000,
        "end_time_us": START + number * 1_000 + 500,
        "duration_ns": 500_000,
        "operation": "chat",
        "is_inference": True,
        "input_tokens": 10,
        "output_tokens": 5,
        "cost_usd": Decimal(number),
        "cost_source": "list",
        **fields,
    }
    return SpanRow(span_id=number, origin=origin, **given)


def counted(writer: Writer) -> list[int]:
    found = writer.sql("select cost_usd from llm_calls order by cost_usd")
    return [int(value) for value in found.column("cost_usd").to_pylist()]


def store(writer: Writer, *batches: list[SpanRow]) -> list[int]:
    for batch in batches:
        writer.insert(batch)
    return counted(writer)


OURS = call(1, "llmtrace", response_id="r1")
THEIRS = call(2, "openinference", response_id="r1")


@pytest.mark.parametrize(
    "batches", [[[OURS, THEIRS]], [[THEIRS, OURS]], [[OURS], [THEIRS]], [[THEIRS], [OURS]]]
)
def test_ours_counts_of_two_with_one_response_id(
    batches: list[list[SpanRow]], writer: Writer
) -> None:
    assert store(writer, *batches) == [1]


def test_the_other_stays_with_what_it_told_and_a_mark(writer: Writer) -> None:
    store(writer, [THEIRS], [OURS])

    found = writer.sql(
        "select input_tokens, cost_usd, attributes['llmtrace.counted_elsewhere'] as mark "
        "from spans where not is_inference"
    )
    assert found.to_pylist() == [{"input_tokens": 10, "cost_usd": Decimal(2), "mark": "true"}]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_three_tools_one_counts_in_any_order(order: tuple[int, ...], writer: Writer) -> None:
    told = [OURS, THEIRS, call(3, "traceloop", response_id="r1")]

    assert store(writer, *[[told[place]] for place in order]) == [1]


def test_of_two_other_tools_the_one_that_is_stored_stays(writer: Writer) -> None:
    assert store(writer, [THEIRS], [call(3, "anthropic", response_id="r1")]) == [2]


def test_one_that_tells_tokens_counts_before_one_that_tells_none(writer: Writer) -> None:
    silent = call(3, "a", response_id="r1", input_tokens=None, output_tokens=None, cost_usd=None)

    assert store(writer, [silent, THEIRS]) == [2]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (call(1, "a", response_id="r1"), call(2, "a", response_id="r1")),
        (call(1, "llmtrace", response_id="r1"), call(2, "llmtrace", response_id="r1")),
        (call(1, "a", response_id="r1"), call(2, "b", response_id="r2")),
        (call(1, "a"), call(2, "b")),
        (
            call(1, "a", response_id="r1"),
            call(2, "b", response_id="r1", trace_id=bytes([2]) * 16),
        ),
        (call(1, "a"), call(2, "b", parent_span_id=1, output_tokens=6)),
        (call(1, "llmtrace"), call(2, "llmtrace", parent_span_id=1)),
        (
            call(1, "a", response_id="r1"),
            call(2, "b", parent_span_id=1, response_id="r2"),
        ),
        (
            call(1, "a", input_tokens=None, output_tokens=None),
            call(2, "b", parent_span_id=1, input_tokens=None, output_tokens=None),
        ),
    ],
    ids=[
        "one tool repeats an id",
        "ours repeats an id",
        "two ids",
        "no ids",
        "two traces",
        "parent and child tell other tokens",
        "parent and child of ours",
        "parent and child with two ids",
        "parent and child tell nothing",
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_different_calls_all_count(
    together: bool, first: SpanRow, second: SpanRow, writer: Writer
) -> None:
    batches = [[first, second]] if together else [[first], [second]]

    assert store(writer, *batches) == [1, 2]


@pytest.mark.parametrize("inner", ["langchain", "openai"])
def test_of_a_wrapper_and_the_call_in_it_the_inner_counts(inner: str, writer: Writer) -> None:
    assert store(writer, [call(1, "langchain"), call(2, inner, parent_span_id=1)]) == [2]


def test_a_stored_wrapper_stays_when_the_inner_comes_later(writer: Writer) -> None:
    assert store(writer, [call(1, "langchain")], [call(2, "openai", parent_span_id=1)]) == [1]


def test_no_output_and_none_told_agree(writer: Writer) -> None:
    embedding = call(1, "a", output_tokens=None)

    assert store(writer, [embedding, call(2, "b", parent_span_id=1, output_tokens=0)]) == [2]


@pytest.mark.parametrize("together", [True, False])
def test_ours_counts_as_wrapper_and_as_inner(together: bool, writer: Writer) -> None:
    told = [
        call(1, "llmtrace"),
        call(2, "other", parent_span_id=1),
        call(3, "other"),
        call(4, "llmtrace", parent_span_id=3),
    ]

    assert store(writer, *([told] if together else [[each] for each in told])) == [1, 4]


def test_a_wrapper_of_two_equal_calls_hides_neither(writer: Writer) -> None:
    told = [call(1, "a"), call(2, "b", parent_span_id=1), call(3, "b", parent_span_id=1)]

    assert store(writer, told) == [2, 3]


def test_what_was_stored_long_before_is_not_searched(writer: Writer) -> None:
    later = START + 900_000_000
    told = call(2, "b", response_id="r1", start_time_us=later, end_time_us=later)

    assert store(writer, [call(1, "a", response_id="r1")], [told]) == [1, 2]


def test_a_server_that_numbers_all_answers_alike_loses_no_call(writer: Writer) -> None:
    ours = [call(number, "llmtrace", response_id="chatcmpl-1") for number in (1, 2, 3)]
    theirs = [call(number, "other", response_id="chatcmpl-1") for number in (4, 5, 6)]

    assert store(writer, theirs, ours) == [1, 2, 3]


def test_a_store_reopened_still_knows_that_others_told_of_calls(tmp_path: Path) -> None:
    path = tmp_path / "llmtrace.duckdb"
    with Writer(path) as first:
        store(first, [THEIRS])

    with Writer(path) as second:
        assert store(second, [OURS]) == [1]


def test_what_is_no_call_is_never_touched(writer: Writer) -> None:
    agent = call(1, "a", is_inference=False, operation="invoke_agent", response_id="r1")

    assert store(writer, [agent, call(2, "b", response_id="r1", parent_span_id=1)]) == [2]
