"""Messages of OTLP protobuf files: alone, or each behind its length."""

from __future__ import annotations

import io
import struct

from llmtrace.otlp.imports.protobuf_messages import protobuf_messages
from tests.otlp.otlp_requests import request, span

FIRST, SECOND = request(span(1)), request(span(2), span(3))


def framed(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


def read(data: bytes) -> list[object]:
    found = protobuf_messages(io.BufferedReader(io.BytesIO(data)))
    return [each.problem or each.value for each in found]


def test_a_message_alone_is_the_file() -> None:
    assert read(FIRST) == [FIRST]


def test_messages_behind_their_lengths_are_those_of_the_collector() -> None:
    assert read(framed(FIRST) + framed(SECOND)) == [FIRST, SECOND]


def test_a_file_that_ends_early_gives_what_is_whole() -> None:
    cut = "truncated: the file ends within a message"

    assert read(framed(FIRST) + framed(SECOND)[:-5]) == [FIRST, cut]
    assert read(framed(FIRST) + b"\0\0") == [FIRST, cut]


def test_a_length_beyond_belief_is_refused_without_reading_it() -> None:
    assert read(b"\xff\xff\xff\xff" + FIRST) == ["not OTLP protobuf"]
