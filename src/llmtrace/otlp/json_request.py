"""OTLP/JSON → the same bytes as protobuf, so that everything behind a receiver knows one form.

OTLP's JSON differs from protobuf's own mapping in one thing: ids are hex, not base64 (OTLP 1.x,
"JSON Protobuf Encoding"). Unknown fields are ignored, as the specification asks. Pure; both parsers
bound how deep it may nest.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final, cast

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace.otlp.decode import MAX_SPANS, MalformedOtlpError, TooManySpansError

_IDS: Final = ("traceId", "trace_id", "spanId", "span_id", "parentSpanId", "parent_span_id")

# What is wrong with which value comes last in protobuf's errors, after the way to it.
_BRIEF: Final = 400

_Object = dict[str, Any]


def request_from_json(text: bytes) -> bytes:
    """Return a JSON ``ExportTraceServiceRequest`` as protobuf. Raises MalformedOtlpError."""
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedOtlpError(f"the body is not JSON: {_brief(error)}") from error
    if not isinstance(content, dict):
        raise MalformedOtlpError(
            'the body is not an ExportTraceServiceRequest: {"resourceSpans": …}'
        )
    spans = _spans(cast("_Object", content))
    if len(spans) > MAX_SPANS:
        raise TooManySpansError(
            f"{len(spans)} spans in one request, at most {MAX_SPANS} are taken; "
            "send smaller batches"
        )
    for span in spans:
        _encode_ids(span)
        for link in _objects(span, "links"):
            _encode_ids(link)
    try:
        request = json_format.ParseDict(
            cast("_Object", content), ExportTraceServiceRequest(), ignore_unknown_fields=True
        )
    except (json_format.ParseError, TypeError, ValueError, RecursionError) as error:
        raise MalformedOtlpError(
            f"the JSON is not an ExportTraceServiceRequest: {_brief(error)}"
        ) from error
    return request.SerializeToString()


def _objects(parent: _Object, *names: str) -> list[_Object]:
    for name in names:
        value: Any = parent.get(name)
        if isinstance(value, list):
            items = cast("list[object]", value)
            return [cast("_Object", item) for item in items if isinstance(item, dict)]
    return []


def _spans(content: _Object) -> list[_Object]:
    return [
        span
        for resource in _objects(content, "resourceSpans", "resource_spans")
        for scope in _objects(resource, "scopeSpans", "scope_spans")
        for span in _objects(scope, "spans")
    ]


def _encode_ids(item: _Object) -> None:
    """Rewrite hex ids as the base64 that protobuf's mapping asks for."""
    for name in _IDS:
        value = item.get(name)
        if value is None:
            continue
        try:
            item[name] = base64.b64encode(bytes.fromhex(value)).decode("ascii")
        except (ValueError, TypeError, binascii.Error) as error:
            raise MalformedOtlpError(f"{name} {str(value)[:40]!r} is not hex") from error


def _brief(error: BaseException) -> str:
    return str(error).replace("\n", " ")[:_BRIEF]
