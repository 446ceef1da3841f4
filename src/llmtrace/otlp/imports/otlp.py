"""OTLP files: what the OpenTelemetry Collector's file exporter and others write, as requests.

Each line of JSON, each message of protobuf is one request and stays as it is, but for what its
resources get: whence it was imported. One that is refused whole is tried span by span, so that a
damaged one costs only itself. Logs and metrics are not kept.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace.otlp.decode import MAX_SPANS, MalformedOtlpError, check
from llmtrace.otlp.imports.fields import UnreadableError
from llmtrace.otlp.json_request import request_from_json
from llmtrace.usage.counts import as_list, as_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmtrace.otlp.imports.located import Located
    from llmtrace.otlp.imports.records import Record

NAME: Final = "otlp"
_SPANS: Final = frozenset({"resource_spans"})
_OTHERS: Final = {
    "resource_logs": "log records: llmtrace keeps spans",
    "resource_metrics": "metric points: llmtrace keeps spans",
    "resource_profiles": "profiles: llmtrace keeps spans",
}
_NO_REQUEST: Final = "not an OTLP request of spans"


class Request(NamedTuple):
    """A request to store, or why there is none."""

    payload: bytes = b""
    problem: UnreadableError | None = None


def knows(names: frozenset[str]) -> bool:
    """Say by the names of its fields whether a record is an OTLP request of any signal."""
    return bool(names & (_SPANS | _OTHERS.keys()))


def requests(found: Located, names: frozenset[str], stamp: Mapping[str, str]) -> Iterator[Request]:
    """Give the requests in one line or message, with ``stamp`` on their resources."""
    signal = next((_OTHERS[name] for name in _OTHERS if name in names), None)
    if isinstance(found.value, bytes):
        yield from _of_message(found.value, stamp)
    elif not names & _SPANS:
        yield Request(problem=UnreadableError(signal or _NO_REQUEST))
    else:
        yield from _of_text(found.text, stamp)


def _of_text(text: str, stamp: Mapping[str, str]) -> Iterator[Request]:
    try:
        yield from _of_message(request_from_json(text.encode("utf-8", "replace")), stamp)
    except MalformedOtlpError as error:
        content: Record = json.loads(text)
        alone = list(_single_spans(content))
        if len(alone) < 2:
            yield Request(problem=UnreadableError(_NO_REQUEST, str(error)))
            return
        for each in alone:
            try:
                payload = request_from_json(json.dumps(each).encode())
                yield from _of_message(payload, stamp)
            except MalformedOtlpError as reason:
                yield Request(problem=UnreadableError("a damaged span", str(reason)))


def _of_message(payload: bytes, stamp: Mapping[str, str]) -> Iterator[Request]:
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(payload)
    except DecodeError as error:
        yield Request(problem=UnreadableError(_NO_REQUEST, f"{_NO_REQUEST}: {str(error)[:80]}"))
        return
    for resource in request.resource_spans:
        attributes = resource.resource.attributes
        kept = [pair for pair in attributes if pair.key not in stamp]
        del attributes[:]
        for name, value in stamp.items():
            attributes.add(key=name).value.string_value = value
        attributes.extend(kept)
    for piece in _pieces(request):
        stamped = piece.SerializeToString()
        rejected = check(stamped).rejected
        yield Request(stamped)
        for _ in range(rejected):
            yield Request(problem=UnreadableError("a span without a valid trace or span id"))


def _pieces(request: ExportTraceServiceRequest) -> Iterator[ExportTraceServiceRequest]:
    """Give the request, in pieces if it holds more spans than are taken at once."""
    spans = sum(len(s.spans) for r in request.resource_spans for s in r.scope_spans)
    if spans <= MAX_SPANS:
        if spans:
            yield request
        return
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for start in range(0, len(scope.spans), MAX_SPANS):
                piece = ExportTraceServiceRequest()
                of_resource = piece.resource_spans.add()
                of_resource.resource.CopyFrom(resource.resource)
                of_scope = of_resource.scope_spans.add()
                of_scope.scope.CopyFrom(scope.scope)
                of_scope.spans.extend(scope.spans[start : start + MAX_SPANS])
                yield piece


def _single_spans(content: Record) -> Iterator[dict[str, Any]]:
    for resource in _members(content, "resourceSpans", "resource_spans"):
        for scope in _members(resource, "scopeSpans", "scope_spans"):
            for span in _members(scope, "spans"):
                scopes = [{"scope": scope.get("scope"), "spans": [span]}]
                inner = [{"resource": resource.get("resource"), "scopeSpans": scopes}]
                yield {"resourceSpans": inner}


def _members(parent: Mapping[str, Any], *names: str) -> list[Mapping[str, Any]]:
    found = next((parent[name] for name in names if name in parent), None)
    return [each for each in map(as_mapping, as_list(found)) if each]
