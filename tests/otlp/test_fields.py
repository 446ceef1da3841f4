"""Fields read by hand are those that the official classes read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from llmtrace.otlp.fields import Field, fields, parts


@given(st.integers(0, 2**63 - 1), st.text(max_size=200))
def test_numbers_and_texts_are_found_where_they_are(rejected: int, text: str) -> None:
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = text
    data = response.SerializeToString()

    ((start, end),) = parts(data, 0, len(data), 1) if rejected or text else ((0, 0),)
    found = {field.number: field for field in fields(data, start, end)}

    assert found.get(1, Field(1, 0, None)).value == rejected
    words = found.get(2, Field(2, 0, 0))
    assert data[words.value : words.end].decode() == text


def test_what_is_in_a_group_is_passed_over() -> None:
    inside = b"\x4b\x08\x01\x53\x10\x02\x54\x4c"  # field 9: a group with a number and a group

    assert list(fields(inside + b"\x08\x07", 0, 10)) == [Field(1, 7, None)]


@given(st.binary(max_size=300))
def test_any_bytes_end_quietly(data: bytes) -> None:
    for field in fields(data, 0, len(data)):
        assert field.end is None or field.end <= len(data)
