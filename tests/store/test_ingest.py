"""One request → priced rows, and what was refused or repaired in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.otlp.decode import MalformedOtlpError
from llmtrace.otlp.rows import leave_unpriced
from llmtrace.store.ingest import ingest
from tests.otlp.otlp_requests import START_NS, request, span

if TYPE_CHECKING:
    from llmtrace.otlp.rows import SpanRow

CHAT = {"gen_ai.operation.name": "chat"}


def flat_rate(row: SpanRow) -> SpanRow:
    return row._replace(cost_usd=Decimal(1), cost_source="list")


def test_every_span_becomes_a_row() -> None:
    found = ingest(request(span(1), span(2)), leave_unpriced)

    assert [row.span_id for row in found.rows] == [1, 2]
    assert found.counts == {}


def test_only_calls_without_a_cost_are_priced() -> None:
    told = {**CHAT, "llmtrace.cost.source": "provider", "llmtrace.cost.total_usd": 0.25}
    tool = {"gen_ai.operation.name": "execute_tool"}

    found = ingest(request(span(1, CHAT), span(2, told), span(3, tool)), flat_rate)

    assert [row.cost_usd for row in found.rows] == [Decimal(1), Decimal("0.25"), None]


def test_what_is_refused_cut_or_repaired_is_counted_by_reason() -> None:
    payload = request(
        span(1, {**CHAT, "gen_ai.usage.input_tokens": -1}),
        span(2, {**CHAT, "gen_ai.usage.input_tokens": "x", "": "nameless"}),
        span(3, trace_id=bytes(16)),
    )

    assert ingest(payload, leave_unpriced).counts == {
        "rejected.id": 1,
        "repaired.input_tokens": 2,
        "limited.attributes_over_limit": 1,
    }


def test_bytes_that_are_no_request_are_malformed() -> None:
    with pytest.raises(MalformedOtlpError):
        ingest(b"\xff", leave_unpriced)


@pytest.mark.parametrize(("ahead", "count"), [(timedelta(hours=23), 0), (timedelta(hours=25), 1)])
def test_a_span_of_more_than_a_day_ahead_is_counted_and_keeps_its_time(
    ahead: timedelta, count: int
) -> None:
    begins = datetime.fromtimestamp(START_NS / 1e9, tz=UTC)

    found = ingest(request(span(1)), leave_unpriced, now=begins - ahead)

    assert found.counts.get("odd.future", 0) == count
    assert found.rows[0].start_time_us == START_NS // 1_000
