"""What was recorded, as plain dicts: the bytes in the spool, read with the official classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import llmtrace
from llmtrace.instrument import guard
from llmtrace.spool import list_segments, read_frames

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")


class Recorded:
    """A home folder that an instrumented process (this one, or another) writes to."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @property
    def spool(self) -> Path:
        return self.home / "spool"

    def spans(self) -> list[dict[str, Any]]:
        """Flush, then return every span in the spool, oldest first."""
        assert llmtrace.flush(10)
        return spans_in(self.spool)

    def span(self) -> dict[str, Any]:
        """Return the only span there is."""
        (span,) = self.spans()
        return span

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of the only span there is."""
        return self.span()["attributes"]

    def everything(self) -> bytes:
        """Flush, then return all bytes under the home folder: what has left the process."""
        assert llmtrace.flush(10)
        return b"".join(path.read_bytes() for path in self.home.rglob("*") if path.is_file())

    def faults(self) -> dict[str, int]:
        """Return the faults of ours that were swallowed."""
        return dict(guard.faults)


def spans_in(directory: Path) -> list[dict[str, Any]]:
    """Return every span in the segments of ``directory``, in the order in which they ended."""
    return [span for payload in payloads_in(directory) for span in decoded(payload)]


def payloads_in(directory: Path) -> list[bytes]:
    """Return the payload of every frame in the segments of ``directory``."""
    return [
        frame.payload for path in list_segments(directory) for frame in read_frames(path).frames
    ]


def decoded(payload: bytes) -> list[dict[str, Any]]:
    """Return the spans of one serialized ``ExportTraceServiceRequest``."""
    request = ExportTraceServiceRequest.FromString(payload)
    return [
        _span(span, resource.resource.attributes)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _span(span: Any, resource: Iterable[Any]) -> dict[str, Any]:
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex() or None,
        "name": span.name,
        "kind": KINDS[span.kind],
        "start_unix_ns": span.start_time_unix_nano,
        "end_unix_ns": span.end_time_unix_nano,
        "attributes": _attributes(span.attributes),
        "events": [
            {
                "name": e.name,
                "time_unix_ns": e.time_unix_nano,
                "attributes": _attributes(e.attributes),
            }
            for e in span.events
        ],
        "status": STATUSES[span.status.code],
        "status_message": span.status.message,
        "flags": span.flags,
        "resource": _attributes(resource),
    }


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, kind)
