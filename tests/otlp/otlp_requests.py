"""Builds OTLP requests out of the official protobuf messages; for tests only."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

START_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z


def any_value(value: object) -> AnyValue:
    """Wrap a Python value."""
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
    if value is None:
        return AnyValue()
    fields: dict[type, str] = {
        bool: "bool_value",
        int: "int_value",
        float: "double_value",
        bytes: "bytes_value",
        str: "string_value",
    }
    return AnyValue(**{fields[type(value)]: value})  # pyright: ignore[reportArgumentType]  # one of five


def pairs(values: dict[str, Any]) -> list[KeyValue]:
    """Wrap a mapping."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def span(
    number: int = 1,
    attributes: dict[str, Any] | None = None,
    *,
    trace: int = 1,
    start_ns: int = START_NS,
    end_ns: int | None = None,
    **fields: Any,
) -> Span:
    """Build a chat span whose ids are ``trace`` and ``number``, 250 ms long."""
    given = {
        "trace_id": trace.to_bytes(16, "big"),
        "span_id": number.to_bytes(8, "big"),
        "name": "chat gpt-5",
        "kind": Span.SPAN_KIND_CLIENT,
        **fields,
    }
    chat = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
    }
    return Span(
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + 250_000_000 if end_ns is None else end_ns,
        attributes=pairs(chat if attributes is None else attributes),
        **given,
    )


def failed(message: str) -> Status:
    """Build an error status."""
    return Status(code=Status.STATUS_CODE_ERROR, message=message)


def request(*spans: Span, resource: dict[str, Any] | None = None, scope: str = "llmtrace") -> bytes:
    """Serialize spans of one resource and scope."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.extend(pairs(resource or {"service.name": "shop"}))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = scope
    scope_spans.spans.extend(spans)
    return message.SerializeToString()
