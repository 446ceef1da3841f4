"""Spans that nobody takes are taken out; a request without them stays the bytes that came."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace.otlp.decode import MalformedOtlpError
from llmtrace.otlp.valid import without_invalid
from tests.otlp.otlp_requests import request, span

UNKNOWN = b"\xfa\x3e\x03abc"  # field 1007, of an OTLP to come


def test_a_good_request_is_the_same_bytes() -> None:
    payload = request(span(1), span(2)) + UNKNOWN

    valid, spans = without_invalid(payload)

    assert valid is payload
    assert spans == 2


def test_spans_without_ids_go_and_all_else_stays() -> None:
    payload = request(span(1), span(2, trace=0), span(3), span(0)) + UNKNOWN

    valid, spans = without_invalid(payload)

    assert spans == 2
    assert valid.endswith(UNKNOWN)
    expected = ExportTraceServiceRequest.FromString(request(span(1), span(3)) + UNKNOWN)
    assert ExportTraceServiceRequest.FromString(valid) == expected


def test_what_is_no_request_is_told() -> None:
    with pytest.raises(MalformedOtlpError):
        without_invalid(b"\xff garbage")
