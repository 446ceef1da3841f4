"""Messages of an OTLP protobuf file: one alone, or as the OpenTelemetry Collector writes them.

Its file exporter puts four bytes before each message: the length, big-endian. Knows no fields.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from llmtrace.otlp.imports.located import Located, garbage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
_LENGTH: Final = struct.Struct(">I")
_CUT: Final = "truncated: the file ends within a message"
_FIRST_FIELD: Final = b"\n"
"""Key of field 1, ``resource_spans``: what every request begins with."""


def protobuf_messages(file: BufferedReader) -> Iterator[Located]:
    """Give the bytes of each message; ``line`` counts messages."""
    if file.peek(1)[:1] == _FIRST_FIELD:  # as a length it would be beyond the limit
        yield _alone(file)
        return
    number = 0
    while head := file.read(_LENGTH.size):
        number += 1
        if len(head) < _LENGTH.size:
            yield garbage(number, _CUT)
            return
        (length,) = _LENGTH.unpack(head)
        if length > MAX_MESSAGE_BYTES:
            yield garbage(number, "not OTLP protobuf", f"a message of {length:,} bytes")
            return
        message = file.read(length)
        if len(message) < length:
            yield garbage(number, _CUT)
            return
        yield Located(number, message)


def _alone(file: BufferedReader) -> Located:
    message = file.read(MAX_MESSAGE_BYTES + 1)
    if len(message) > MAX_MESSAGE_BYTES:
        return garbage(1, "longer than 64 MiB", "one message of over 64 MiB")
    return Located(1, message)
