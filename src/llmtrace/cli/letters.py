"""What is in a request that was put aside, in words that a terminal cannot be fooled by. Pure.

Whoever sent it chose its bytes: nothing of it is shown but as printable characters.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from llmtrace.clock import from_unix_ns
from llmtrace.otlp.count import count_spans
from llmtrace.otlp.decode import MalformedOtlpError, decode
from llmtrace.semconv import SERVICE_NAME

if TYPE_CHECKING:
    from llmtrace.otlp.decode import PlainSpan

_LONGEST: Final = 80
_ATTRIBUTES: Final = 12
_BYTES: Final = 64


def portrait(payload: bytes, *, spans: int) -> dict[str, object]:
    """Return sizes, what is wrong with the request, and its first ``spans`` spans."""
    told: dict[str, object] = {"bytes": len(payload), "spans": count_spans(payload)}
    try:
        decoded = decode(payload)
    except MalformedOtlpError as error:
        return {**told, "problem": str(error), "begins_with": payload[:_BYTES].hex(" ")}
    problem = f"{decoded.rejected} spans have no valid id" if decoded.rejected else None
    return {**told, "problem": problem, "first": [_span(span) for span in decoded.spans[:spans]]}


def plain(value: object, limit: int = _LONGEST) -> str:
    """Return a value on one line, cut to ``limit`` characters, what is not printable escaped."""
    text = str(value)
    cut = text[:limit]
    escaped = "".join(each if each.isprintable() else _escape(each) for each in cut)
    return f"{escaped}… ({len(text):,} characters)" if len(text) > limit else escaped


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def _span(span: PlainSpan) -> dict[str, object]:
    shown = list(span.attributes.items())[:_ATTRIBUTES]
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": f"{span.span_id:016x}",
        "name": plain(span.name),
        "service": plain(span.resource.get(SERVICE_NAME, "")),
        "scope": plain(span.scope_name),
        "start": _time(span.start_ns),
        "attributes": {plain(name): plain(value) for name, value in shown},
        "more_attributes": max(0, len(span.attributes) - _ATTRIBUTES),
        "events": len(span.events),
    }


def _time(value_ns: int) -> str | None:
    """Return a time as ISO 8601; None for one that cannot be."""
    try:
        return from_unix_ns(value_ns).astimezone(UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return None
