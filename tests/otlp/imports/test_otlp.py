"""OTLP files stay requests; a damaged span costs itself, other signals are refused in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llmtrace.otlp.decode import decode
from llmtrace.otlp.imports import format_of, otlp
from llmtrace.otlp.imports.fields import snake
from llmtrace.otlp.imports.located import Located
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    import pytest

STAMP = {"llmtrace.import.run": "r1"}
SPAN = {
    "traceId": "0af7651916cd43dd8448eb211c80319c",
    "spanId": "b7ad6b7169203331",
    "name": "chat",
    "startTimeUnixNano": "1793527200000000000",
    "endTimeUnixNano": "1793527201000000000",
    "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}],
}


def line(*spans: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    scopes = [{"scope": {"name": "some.tool"}, "spans": list(spans)}]
    return {"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}


def taken(value: Any) -> tuple[list[Any], list[str]]:
    """Return the spans that would be stored, and the reasons for others."""
    names = frozenset(map(snake, value)) if isinstance(value, dict) else frozenset[str]()
    found = Located(1, value, "" if isinstance(value, bytes) else json.dumps(value))
    made = list(otlp.requests(found, names, STAMP))
    spans = [each for r in made if r.problem is None for each in decode(r.payload).spans]
    return spans, [r.problem.reason for r in made if r.problem is not None]


def test_a_line_of_json_is_a_request_that_says_whence_it_came() -> None:
    (found,), problems = taken(line(SPAN))

    assert problems == []
    assert (f"{found.span_id:016x}", found.scope_name) == (SPAN["spanId"], "some.tool")
    assert found.resource == {"llmtrace.import.run": "r1", "service.name": "shop"}


def test_a_message_of_protobuf_is_one_too() -> None:
    found, problems = taken(request(span(1), span(2)))

    assert [each.span_id for each in found] == [1, 2]
    assert problems == []


def test_a_damaged_span_costs_itself() -> None:
    found, problems = taken(line(SPAN, {**SPAN, "spanId": "no hex"}, {**SPAN, "spanId": "01" * 8}))

    assert [f"{each.span_id:x}" for each in found] == ["b7ad6b7169203331", "101010101010101"]
    assert problems == ["a damaged span"]


def test_a_span_without_an_id_is_told() -> None:
    _, problems = taken(line({**SPAN, "spanId": "00" * 8}))

    assert problems == ["a span without a valid trace or span id"]


def test_more_spans_than_are_taken_at_once_go_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "MAX_SPANS", 10)

    made = list(otlp.requests(Located(1, request(*map(span, range(1, 26)))), frozenset(), STAMP))

    pieces = [decode(each.payload).spans for each in made]
    assert list(map(len, pieces)) == [10, 10, 5]
    assert all(STAMP.items() <= each.resource.items() for piece in pieces for each in piece)


def test_other_signals_and_other_objects_are_refused_in_words() -> None:
    assert taken({"resourceLogs": []})[1] == ["log records: llmtrace keeps spans"]
    assert taken({"resourceMetrics": []})[1] == ["metric points: llmtrace keeps spans"]
    assert taken({"a": 1})[1] == ["not an OTLP request of spans"]
    assert taken(b"\n\xff\xff")[1] == ["not an OTLP request of spans"]
    assert taken({"resourceSpans": "x"}) == ([], ["not an OTLP request of spans"])


def test_its_records_are_recognised() -> None:
    assert format_of(frozenset({"resource_spans"})) == "otlp"
