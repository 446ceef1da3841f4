"""Whether a request would become far more in memory than it is on the wire. Pure.

Two bytes can stand for a message of fifty or more: 20 MB of empty attributes, events or list items
are ten million objects. Requests that may be such show it by their zeros, the lengths of what is
empty; only those are walked, field by field, until they have too many parts.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace.otlp.count import count_spans
from llmtrace.otlp.decode import MAX_SPANS, TooManySpansError
from llmtrace.otlp.fields import fields

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PARTS: Final = 600_000
"""Messages of a request, in one another or beside one another; a batch of 512 spans has 20 000."""
MAX_BRACKETS: Final = 3_000_000
"""Objects and lists of the JSON form, those within texts included."""
_HARMLESS_BYTES: Final = 512 * 1024
_STRIDE: Final = 17
"""Odd, so that the second byte of every two is seen too."""
_ZEROS: Final = 6
"""One byte of so many is zero where parts are empty; of a span of ours it is one of thirty."""


class TooManyPartsError(TooManySpansError):
    """The request is made of more messages than are read at once."""


def check_weight(payload: bytes, kind: Any = None) -> None:
    """Raise TooManyPartsError for a serialized request with too many parts.

    ``kind``: of other signals, their requests' descriptor. Of spans, one with too many of them is
    let through: ``decode.check`` says so without reading it.
    """
    if len(payload) <= _HARMLESS_BYTES:
        return
    sample = payload[::_STRIDE]
    if sample.count(0) * _ZEROS <= len(sample):
        return
    if kind is None:
        kind = ExportTraceServiceRequest.DESCRIPTOR
        if count_spans(payload, at_most=MAX_SPANS + 1) > MAX_SPANS:
            return
    if _parts_beyond(payload, kind, MAX_PARTS):
        raise TooManyPartsError(
            f"the request is made of over {MAX_PARTS} attributes, values, events and links; "
            "send smaller batches"
        )


def check_brackets(text: bytes) -> None:
    """Raise TooManyPartsError for JSON with too many objects and lists."""
    if len(text) > MAX_BRACKETS and text.count(b"{") + text.count(b"[") > MAX_BRACKETS:
        raise TooManyPartsError(
            f"the JSON has over {MAX_BRACKETS} objects and lists; send smaller batches"
        )


def _parts_beyond(data: bytes, kind: Any, limit: int) -> bool:
    """Say whether there are more than ``limit`` messages; what is damaged is not counted."""
    seen = 0
    to_see = [(0, len(data), kind)]
    while to_see:
        begin, end, message = to_see.pop()
        known = _messages_of(message)
        for field in fields(data, begin, end):
            below = known.get(field.number)
            if below is not None and field.end is not None:
                seen += 1
                if seen > limit:
                    return True
                if field.end > field.value:
                    to_see.append((field.value, field.end, below))
    return False


@cache
def _messages_of(kind: Any) -> Mapping[int, Any]:
    return {field.number: field.message_type for field in kind.fields if field.message_type}
