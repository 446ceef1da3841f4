"""A request with text that is no UTF-8 → the same request with U+FFFD where that text was broken.

Protobuf refuses a whole request for one such byte, and with it the spans of a batch that are well.
Only what protobuf has refused comes here, so that nobody else pays. Pure and bounded: the bytes are
walked by the messages' own descriptors, and whatever is wrong otherwise stays wrong.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

_REPLACEMENT: Final = "\ufffd"
_MAX_FIELDS: Final = 400_000
"""Of a request: some 2 000 spans; a batch has 512. Walking them takes half a second."""
_MAX_DEPTH: Final = 100
"""Messages in one another that protobuf itself reads."""
_FIXED_BYTES: Final = {1: 8, 5: 4}
_TEXT: Final = "text"


class Mended(NamedTuple):
    """A request that can be read now."""

    payload: bytes
    replaced: int
    """Characters that stand for what was no text."""


class _Damaged(Exception):  # noqa: N818  # never leaves this module
    """More is wrong than the text."""


def mended(payload: bytes) -> Mended | None:
    """Mend the texts of a serialized ``ExportTraceServiceRequest``; None if that is not enough."""
    walk = _Walk(payload)
    try:
        found = walk.message(0, len(payload), ExportTraceServiceRequest.DESCRIPTOR, 0)
    except (_Damaged, IndexError):
        return None
    return None if found is None else Mended(found, walk.replaced)


def mended_json(text: bytes) -> Mended | None:
    """Mend the texts of the JSON form; None if nothing is to be mended, or that is not enough.

    Broken are bytes that are no UTF-8, and halves of surrogate pairs: what a client leaves that
    cuts text in the middle of an emoji.
    """
    readable = text.decode("utf-8", "replace")
    try:
        written = json.dumps(json.loads(readable), ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    whole = written.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    there_before = text.count(_REPLACEMENT.encode())
    replaced = whole.count(_REPLACEMENT) - there_before
    return Mended(whole.encode(), replaced) if replaced > 0 else None


class _Walk:
    """One way through a request."""

    def __init__(self, data: bytes) -> None:
        self.replaced = 0
        self._data = data
        self._fields = 0

    def message(self, position: int, end: int, kind: Any, depth: int) -> bytes | None:
        """Return the message from ``position`` to ``end`` mended; None if it is well."""
        if depth > _MAX_DEPTH:
            raise _Damaged
        data, known = self._data, _fields_of(kind)
        pieces: list[bytes] = []
        done = position
        while position < end:
            begin = position
            key, position = self._varint(position)
            self._fields += 1
            if self._fields > _MAX_FIELDS:
                raise _Damaged
            if key & 7 != 2:
                position = self._after(key & 7, position)
                continue
            length, position = self._varint(position)
            content, position = position, position + length
            if position > end:
                raise _Damaged
            new = self._content(content, position, known.get(key >> 3), depth)
            if new is not None:
                pieces += data[done:begin], _as_varint(key), _as_varint(len(new)), new
                done = position
        if position != end:
            raise _Damaged
        return b"".join((*pieces, data[done:end])) if pieces else None

    def _content(self, begin: int, end: int, kind: Any, depth: int) -> bytes | None:
        """Return the content of a field mended; None if it is well, or not for people."""
        if kind is None:
            return None
        if kind is not _TEXT:
            return self.message(begin, end, kind, depth + 1)
        raw = self._data[begin:end]
        try:
            raw.decode()
        except UnicodeDecodeError:
            text = raw.decode("utf-8", "replace")
            self.replaced += text.count(_REPLACEMENT) - raw.count(_REPLACEMENT.encode())
            return text.encode()
        return None

    def _after(self, wire_type: int, position: int) -> int:
        if wire_type == 0:
            return self._varint(position)[1]
        if wire_type in _FIXED_BYTES:
            return position + _FIXED_BYTES[wire_type]
        raise _Damaged  # groups, which OTLP does not use, and what is no type

    def _varint(self, position: int) -> tuple[int, int]:
        value = shift = 0
        while shift < 70:
            byte = self._data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
            shift += 7
        raise _Damaged


@cache
def _fields_of(kind: Any) -> Mapping[int, Any]:
    """Return the fields of a message that hold text, and the kinds of those that hold messages."""
    found: dict[int, Any] = {}
    for field in kind.fields:
        if field.type == field.TYPE_STRING:
            found[field.number] = _TEXT
        elif field.message_type is not None:
            found[field.number] = field.message_type
    return found


def _as_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))
