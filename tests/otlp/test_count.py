"""The number of spans in a request, from its bytes alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace.otlp.count import count_spans


def request(spans: list[list[int]]) -> bytes:
    """Return a request with so many spans in each scope of each resource."""
    made = ExportTraceServiceRequest()
    for scopes in spans:
        resource = made.resource_spans.add(schema_url="https://example.org/1")
        resource.resource.attributes.add(key="service.name").value.string_value = "shop"
        resource.resource.dropped_attributes_count = 3
        for count in scopes:
            scope = resource.scope_spans.add()
            scope.scope.name = "llmtrace"
            for number in range(count):
                span = scope.spans.add(name=f"chat {number}" * 30, flags=1)
                span.start_time_unix_nano = number
                span.attributes.add(key="k").value.double_value = 0.5
    return made.SerializeToString()


@given(st.lists(st.lists(st.integers(0, 20), max_size=3), max_size=3))
def test_the_number_is_that_of_the_official_classes(spans: list[list[int]]) -> None:
    assert count_spans(request(spans)) == sum(map(sum, spans))


def test_concatenated_requests_are_one_request() -> None:
    assert count_spans(request([[2]]) + request([[1, 4]])) == 7


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(data: bytes) -> None:
    assert count_spans(data) >= 0


@given(st.integers(0, 5_000))
def test_a_request_that_is_cut_off_has_no_more_spans_than_the_whole(length: int) -> None:
    whole = request([[5, 5]])

    assert count_spans(whole[:length]) <= 10


def test_counting_stops_where_it_is_told_to() -> None:
    assert count_spans(request([[5, 5], [5]]), at_most=7) == 7
    assert count_spans(request([[5]]), at_most=7) == 5


def test_spans_behind_a_group_are_counted() -> None:
    group = b"\x4b\x4c"  # field 9 begins and ends as a group: nothing of OTLP, but valid protobuf

    assert count_spans(group + request([[3]])) == 3
