"""Writes into a request whose it is: the collector says so, never the client. Pure.

Only a request that needs it is encoded anew; all others stay the bytes that came.
"""

from __future__ import annotations

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace.semconv import PROJECT


def with_project(payload: bytes, project: str | None) -> bytes:
    """Set ``llmtrace.project`` on every resource of a request that ``check`` has accepted.

    What the client wrote under that name goes, also where ``project`` is None: nobody may pass for
    another project.
    """
    if project is None and PROJECT.encode() not in payload:
        return payload
    request = ExportTraceServiceRequest.FromString(payload)
    for resource_spans in request.resource_spans:
        attributes = resource_spans.resource.attributes
        kept = [pair for pair in attributes if pair.key != PROJECT]
        if len(kept) < len(attributes):
            del attributes[:]
            attributes.extend(kept)
        if project is not None:
            # First: of more attributes than are taken the last ones go.
            rest = list(attributes)
            del attributes[:]
            attributes.add(key=PROJECT).value.string_value = project
            attributes.extend(rest)
    return request.SerializeToString()
