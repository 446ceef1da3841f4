"""Named queries find the traces, spans and errors that a person would point at."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import QueryError
from llmtrace.store.queries import (
    Scope,
    firing_alerts,
    first_call_at,
    known_tags,
    latest_errors,
    span_detail,
    trace_costs,
    trace_spans,
    trace_stretch,
    trace_summary,
)
from tests.store.calls import NOON, call, failed, minutes

if TYPE_CHECKING:
    from datetime import datetime

    from llmtrace.store import Writer

DAY = Scope(start=NOON - timedelta(hours=12), end=NOON + timedelta(hours=12))
TRACE = (0xABCDEF << 104).to_bytes(16, "big")


def as_stored(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def test_spans_of_a_trace_come_in_order_with_offsets(store: Writer) -> None:
    store.insert([call(NOON + minutes(1), trace_id=TRACE, span_id=2, parent_span_id=1)])
    store.insert([call(NOON, trace_id=TRACE, span_id=1, latency_ms=90_000), call()])

    rows = trace_spans(store, TRACE.hex()).to_pylist()

    assert [(row["span_id"], row["parent_span_id"], row["start_ms"]) for row in rows] == [
        (f"{1:016x}", None, 0.0),
        (f"{2:016x}", f"{1:016x}", 60_000.0),
    ]
    assert rows[0]["duration_ms"] == 90_000.0


def test_a_span_is_found_with_its_bodies_even_with_the_highest_id(store: Writer) -> None:
    store.insert([call(trace_id=TRACE, span_id=2**64 - 1, api="openai.chat", request_body="{}")])

    detail = span_detail(store, TRACE.hex(), "f" * 16)

    assert detail is not None
    assert (detail["api"], detail["request_body"], detail["response_body"]) == (
        "openai.chat",
        "{}",
        None,
    )
    assert detail["cost_usd"] == Decimal("0.01")


def test_a_trace_is_the_same_asked_for_where_it_lies(store: Writer) -> None:
    hours = [call(NOON + minutes(60 * n), trace_id=TRACE, span_id=n + 1) for n in range(5)]
    store.insert([*hours, call(NOON + minutes(61)), call(NOON - minutes(1))])

    stretch = trace_stretch(store, TRACE.hex())

    assert stretch == (as_stored(NOON), as_stored(NOON + minutes(240)))
    assert stretch is not None
    for ask in (trace_summary, trace_costs):
        assert ask(store, TRACE.hex(), within=stretch) == ask(store, TRACE.hex())
    assert trace_spans(store, TRACE.hex(), within=stretch).num_rows == 5
    assert trace_spans(store, TRACE.hex()).num_rows == 5
    assert trace_stretch(store, "a" * 32) is None
    assert trace_summary(store, "a" * 32) is None


def test_a_span_is_the_same_asked_for_by_when_it_started(store: Writer) -> None:
    store.insert([call(NOON, trace_id=TRACE, span_id=1, request_body="{}"), call(NOON)])
    ids = (TRACE.hex(), f"{1:016x}")

    found = span_detail(store, *ids, started=as_stored(NOON))

    assert found is not None
    assert found == span_detail(store, *ids)
    assert span_detail(store, *ids, started=as_stored(NOON + minutes(1))) is None


def test_a_span_of_which_nothing_was_captured_has_none_of_the_bodies(store: Writer) -> None:
    store.insert([call(trace_id=TRACE, span_id=1), call(trace_id=TRACE, span_id=2, usage_raw="7")])

    without, with_one = (span_detail(store, TRACE.hex(), f"{n:016x}") for n in (1, 2))

    assert without is not None
    assert with_one is not None
    assert list(without) == list(with_one)
    assert (without["usage_raw"], without["redacted"]) == (None, None)
    assert with_one["usage_raw"] == "7"


def test_what_is_not_stored_is_none(store: Writer) -> None:
    assert span_detail(store, "a" * 32, "b" * 16) is None
    assert trace_spans(store, "a" * 32).num_rows == 0
    assert first_call_at(store) is None
    assert firing_alerts(store).num_rows == 0


@pytest.mark.parametrize("trace_id", ["", "xyz", "a" * 31, "a" * 33, "'; select 1"])
def test_an_id_that_is_none_is_refused(store: Writer, trace_id: str) -> None:
    with pytest.raises(QueryError, match="is not 32 hex digits"):
        trace_spans(store, trace_id)


def test_the_latest_errors_come_first(store: Writer) -> None:
    store.insert([failed(NOON, status_message="old"), failed(NOON + minutes(1)), call()])

    rows = latest_errors(store, DAY, limit=1).to_pylist()

    assert [(row["error_type"], row["status_message"]) for row in rows] == [
        ("RateLimitError", "Rate limit reached")
    ]


def test_the_first_call_is_known(store: Writer) -> None:
    store.insert([call(NOON), call(NOON - minutes(5))])

    assert first_call_at(store) == (NOON - minutes(5)).replace(tzinfo=None)


def test_a_tag_must_have_one_of_its_values_and_every_tag_must_fit(store: Writer) -> None:
    store.insert([failed(user_id="a", tags={"team": "core", "tier": "1"}),
                  failed(user_id="b", tags={"team": "infra", "tier": "2"}),
                  failed(user_id="c", tags={"team": "web", "tier": "1"}),
                  failed(user_id="d")])  # fmt: skip
    tags = (("team", "core"), ("team", "infra"), ("tier", "1"))

    def users(*wanted: tuple[str, str]) -> set[str]:
        found = latest_errors(store, replace(DAY, tags=wanted))
        return set(found.column("user_id").to_pylist())

    assert users(*tags) == {"a"}
    assert users(*tags[:2]) == {"a", "b"}


def test_the_tags_in_use_are_listed_most_used_first(store: Writer) -> None:
    store.insert([call(tags={"team": "core", "tier": "1"}), call(tags={"team": "core"}), call()])

    assert known_tags(store, NOON, limit=9).to_pylist() == [
        {"key": "team", "value": "core", "calls": 2},
        {"key": "tier", "value": "1", "calls": 1},
    ]
