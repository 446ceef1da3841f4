"""A request without the spans that nobody takes: those without a valid trace or span id. Pure.

Only a request that has such spans is encoded anew; all others stay the bytes that came.
"""

from __future__ import annotations

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace.otlp.decode import check, has_ids


def without_invalid(payload: bytes) -> tuple[bytes, int]:
    """Return the request and the number of its spans. Raises MalformedOtlpError."""
    checked = check(payload)
    if not checked.rejected:
        return payload, checked.spans
    request = ExportTraceServiceRequest.FromString(payload)
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            valid = [span for span in scope_spans.spans if has_ids(span)]
            del scope_spans.spans[:]
            scope_spans.spans.extend(valid)
    return request.SerializeToString(), checked.spans - checked.rejected
