"""Writes into a request whose it is: the collector says so, never the client. Pure.

Where nobody claims one already, the request is not decoded for it: a message that occurs twice is
one to protobuf, so that a resource of nothing but the project is put before what came.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from llmtrace.otlp.fields import parts
from llmtrace.semconv import PROJECT

_RESOURCE_SPANS: Final = 1
_TAG: Final = b"\x0a"
"""Of field 1 with a length."""


def with_project(payload: bytes, project: str | None) -> bytes:
    """Set ``llmtrace.project`` on every resource of a request that ``check`` has accepted.

    What the client wrote under that name goes, also where ``project`` is None: nobody may pass for
    another project.
    """
    if PROJECT.encode() in payload:
        return _rewritten(payload, project)
    if project is None:
        return payload
    ours = _resource(project)
    pieces: list[bytes] = []
    for start, end in parts(payload, 0, len(payload), _RESOURCE_SPANS):
        length = len(ours) + end - start
        pieces += _TAG, _varint(length), ours, payload[start:end]
    return b"".join(pieces)


@lru_cache(maxsize=64)
def _resource(project: str) -> bytes:
    """Return the ``resource`` field of a ``ResourceSpans`` that says the project alone."""
    found = ResourceSpans()
    found.resource.attributes.add(key=PROJECT).value.string_value = project
    return found.SerializeToString()


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _rewritten(payload: bytes, project: str | None) -> bytes:
    """Take away what the client claims, and say whose it is."""
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
