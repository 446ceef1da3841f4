"""AWS event streams (``application/vnd.amazon.eventstream``): bytes to events, and back.

A message is a prelude (length of all, length of the headers, CRC-32 of these eight bytes), headers,
a payload and a CRC-32 of everything before it, all big-endian. Follows
https://smithy.io/2.0/aws/amazon-eventstream.html. What the payloads say is ``bedrock_converse``'s
and ``bedrock_invoke``'s business.

Nothing here raises for what the bytes hold: a damaged message is skipped and leaves a ``DAMAGED``
event; a message that the end of the stream cut is left out, for a cut is no damage.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from typing import TYPE_CHECKING, Final

from llmtrace.wire.reading import as_object, parse_json, text_of

if TYPE_CHECKING:
    from llmtrace.wire.sse import SseEvent

CONTENT_TYPE: Final = "application/vnd.amazon.eventstream"
EXCEPTION: Final = "exception:"
"""Before the name of an event that ended the stream; then the exception's own name."""
DAMAGED: Final = ("damaged", b"damaged")
"""The event that stands for bytes nobody can read; its payload is no JSON, and is noted as such."""

_PRELUDE: Final = struct.Struct(">III")
_CRC_BYTES: Final = 4
_SMALLEST: Final = _PRELUDE.size + _CRC_BYTES
_MAX_MESSAGE_BYTES: Final = 25_165_824
"""24 MiB, as in AWS' own SDKs; a longer one is a length gone wrong."""
_MAX_DAMAGES: Final = 100
"""Nothing behind so many is read: each may cost a checksum of all that follows."""
_FIRST_HEADER: Final = re.compile(
    rb"\x0b:event-type\x07|\x0d:message-type\x07|\x0d:content-type\x07|\x0f:exception-type\x07"
)
"""Where a message's headers may begin: a landmark behind damage."""
_FIXED_VALUE_BYTES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_TEXT: Final = 7
_COUNTED: Final = frozenset({6, _TEXT})


def looks_like_eventstream(data: bytes) -> bool:
    """Say whether ``data`` begins with a message's prelude."""
    return _message_length(data, 0) is not None


def parse_eventstream(data: bytes) -> list[SseEvent]:
    """Return (event name, payload) of every message, in order.

    The name is ``:event-type``; for an exception ``EXCEPTION`` and its type, the payload then is
    JSON with a ``message``. Messages without a name (``initial-response`` has one) come as ``""``.
    """
    events: list[SseEvent] = []
    at = damages = 0
    while at + _PRELUDE.size <= len(data) and damages < _MAX_DAMAGES:
        length = _message_length(data, at)
        if length is not None and at + length > len(data):
            break
        if length is None or not _is_whole(data, at, length):
            events.append(DAMAGED)
            damages += 1
            at = _next_message(data, at + 1)
            continue
        events.append(_event(data, at, length))
        at += length
    return events


def _message_length(data: bytes, at: int) -> int | None:
    """Return the length of the message that begins at ``at``; None if none does."""
    if at + _PRELUDE.size > len(data):
        return None
    length, headers_length, crc = _PRELUDE.unpack_from(data, at)
    is_sane = _SMALLEST <= length <= _MAX_MESSAGE_BYTES and headers_length <= length - _SMALLEST
    return length if is_sane and zlib.crc32(data[at : at + 8]) == crc else None


def _next_message(data: bytes, start: int) -> int:
    """Return where the next readable prelude is, the end of ``data`` if there is none."""
    for found in _FIRST_HEADER.finditer(data, start):
        at = found.start() - _PRELUDE.size
        if at >= start and _message_length(data, at) is not None:
            return at
    return len(data)


def _is_whole(data: bytes, at: int, length: int) -> bool:
    end = at + length - _CRC_BYTES
    return zlib.crc32(data[at:end]) == int.from_bytes(data[end : end + _CRC_BYTES], "big")


def _event(data: bytes, at: int, length: int) -> SseEvent:
    end = at + length - _CRC_BYTES
    _, headers_length, _ = _PRELUDE.unpack_from(data, at)
    start = at + _PRELUDE.size
    headers = _headers(data[start : start + headers_length])
    payload = data[start + headers_length : end]
    kind = headers.get(":message-type")
    if kind == "error":
        told = {"message": headers.get(":error-message", "")}
        return EXCEPTION + headers.get(":error-code", "error"), json.dumps(told).encode()
    if kind == "exception":
        return EXCEPTION + headers.get(":exception-type", "exception"), payload
    return headers.get(":event-type", ""), payload


def _headers(data: bytes) -> dict[str, str]:
    """Return the headers that are text; others, and whatever follows a broken one, are left out."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        name_end = at + 1 + data[at]
        if name_end >= len(data):
            break
        kind = data[name_end]
        value_start = name_end + 1
        if kind in _COUNTED:
            size = int.from_bytes(data[value_start : value_start + 2], "big")
            value_start += 2
        elif kind in _FIXED_VALUE_BYTES:
            size = _FIXED_VALUE_BYTES[kind]
        else:
            break
        if kind == _TEXT:
            name = data[at + 1 : name_end].decode("utf-8", "replace")
            found[name] = data[value_start : value_start + size].decode("utf-8", "replace")
        at = value_start + size
    return found


def unwrapped_chunks(events: list[SseEvent]) -> list[SseEvent]:
    """Return the model's own events out of ``InvokeModelWithResponseStream``'s ``chunk`` events.

    Each holds one JSON document in base64; a chunk without one becomes ``DAMAGED``.
    """
    found: list[SseEvent] = []
    for name, payload in events:
        if name != "chunk":
            found.append((name, payload))
            continue
        packed = text_of(as_object(parse_json(payload)).get("bytes"))
        try:
            found.append(("", base64.b64decode(packed or "", validate=True)))
        except ValueError:
            found.append(DAMAGED)
    return found


def encode_message(name: str, payload: bytes, *, is_exception: bool = False) -> bytes:
    """Return one message with JSON ``payload``, as the service frames it."""
    named = ":exception-type" if is_exception else ":event-type"
    headers = b"".join(
        (
            _text_header(named, name),
            _text_header(":content-type", "application/json"),
            _text_header(":message-type", "exception" if is_exception else "event"),
        )
    )
    length = _SMALLEST + len(headers) + len(payload)
    lengths = struct.pack(">II", length, len(headers))
    message = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def encode_chunk(payload: bytes) -> bytes:
    """Return one ``chunk`` of ``InvokeModelWithResponseStream`` that holds ``payload``."""
    packed = {"bytes": base64.b64encode(payload).decode()}
    return encode_message("chunk", json.dumps(packed, separators=(",", ":")).encode())


def _text_header(name: str, value: str) -> bytes:
    encoded = value.encode()
    return bytes([len(name)]) + name.encode() + struct.pack(">BH", _TEXT, len(encoded)) + encoded
