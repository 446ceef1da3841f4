"""AWS' framing, against botocore's own decoder, and against bytes that are no stream."""

from __future__ import annotations

import json
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace.wire.aws_eventstream import (
    DAMAGED,
    EXCEPTION,
    encode_chunk,
    encode_message,
    looks_like_eventstream,
    parse_eventstream,
    unwrapped_chunks,
)

PAYLOAD = json.dumps({"text": "Grüße ☁"}).encode()
ONE = encode_message("contentBlockDelta", PAYLOAD)
TWO = encode_message("messageStop", b"{}")


def test_botocore_reads_what_is_encoded_here() -> None:
    buffers = pytest.importorskip("botocore.eventstream")
    buffer = buffers.EventStreamBuffer()

    buffer.add_data(ONE + encode_message("throttlingException", b"{}", is_exception=True))
    event, failure = list(buffer)

    assert event.headers[":event-type"] == "contentBlockDelta"
    assert event.payload == PAYLOAD
    assert failure.headers[":message-type"] == "exception"
    assert failure.headers[":exception-type"] == "throttlingException"


def test_events_come_in_order_with_their_names() -> None:
    assert parse_eventstream(ONE + TWO) == [("contentBlockDelta", PAYLOAD), ("messageStop", b"{}")]


def test_an_exception_is_marked_as_one() -> None:
    data = encode_message("modelStreamErrorException", b'{"message":"no"}', is_exception=True)

    assert parse_eventstream(data) == [
        (f"{EXCEPTION}modelStreamErrorException", b'{"message":"no"}')
    ]


def test_an_error_without_a_model_has_its_message_in_a_header() -> None:
    headers = {":message-type": "error", ":error-code": "500", ":error-message": "broken"}
    data = frame(b"".join(text_header(*each) for each in headers.items()), b"")

    ((name, payload),) = parse_eventstream(data)

    assert name == f"{EXCEPTION}500"
    assert json.loads(payload) == {"message": "broken"}


def test_headers_of_every_type_are_stepped_over() -> None:
    others = b"".join(
        bytes([1]) + b"h" + bytes([kind]) + value
        for kind, value in [
            (0, b""), (1, b""), (2, b"\x01"), (3, b"\x00\x01"), (4, b"\x00" * 4), (5, b"\x00" * 8),
            (6, b"\x00\x03abc"), (8, b"\x00" * 8), (9, b"\x00" * 16),
        ]
    )  # fmt: skip
    data = frame(others + text_header(":event-type", "metadata"), b"{}")

    assert parse_eventstream(data) == [("metadata", b"{}")]


def test_a_message_that_the_end_has_cut_is_left_out() -> None:
    for end in range(len(ONE), len(ONE + TWO)):
        assert parse_eventstream((ONE + TWO)[:end]) == [("contentBlockDelta", PAYLOAD)]


def test_a_wrong_checksum_costs_its_message_alone() -> None:
    hurt = bytearray(ONE)
    hurt[-10] ^= 1

    assert parse_eventstream(bytes(hurt) + TWO) == [DAMAGED, ("messageStop", b"{}")]


def test_reading_goes_on_behind_bytes_that_are_missing() -> None:
    assert parse_eventstream(ONE[: len(ONE) // 2] + b"\n\n" + TWO) == [
        DAMAGED,
        ("messageStop", b"{}"),
    ]


def test_a_length_beyond_all_reason_is_damage() -> None:
    lengths = struct.pack(">II", 1 << 31, 0)

    assert parse_eventstream(lengths + struct.pack(">I", zlib.crc32(lengths)) + b"x") == [DAMAGED]


@pytest.mark.parametrize("data", [b"", b'{"message":"no"}', b"data: {}\n\n", b"\x00" * 40])
def test_what_is_no_event_stream_does_not_look_like_one(data: bytes) -> None:
    assert not looks_like_eventstream(data)
    assert looks_like_eventstream(ONE)


@given(st.binary(max_size=200) | st.lists(st.sampled_from([ONE, TWO, b"\x00", ONE[:20]])))
@settings(max_examples=200, deadline=None)
def test_no_bytes_make_it_raise(data: bytes | list[bytes]) -> None:
    parse_eventstream(data if isinstance(data, bytes) else b"".join(data))


def test_garbage_of_a_megabyte_is_read_in_one_go() -> None:
    garbage = b"\x0b:event-type\x07" * 70_000

    assert parse_eventstream(garbage) == [DAMAGED]


def test_preludes_that_lie_about_their_length_do_not_cost_a_checksum_each() -> None:
    lies = b"".join(
        lie + struct.pack(">I", zlib.crc32(lie)) + text_header(":event-type", "x")
        for lie in (struct.pack(">II", 400_000, 16) for _ in range(20_000))
    )

    assert len(parse_eventstream(lies)) <= 101


def test_chunks_are_unwrapped() -> None:
    events = parse_eventstream(encode_chunk(PAYLOAD) + encode_message("throttled", b"{}"))

    assert unwrapped_chunks(events) == [("", PAYLOAD), ("throttled", b"{}")]


@pytest.mark.parametrize("bad", [b"{}", b"no json", b'{"bytes": 5}', b'{"bytes": "*"}'])
def test_a_chunk_that_holds_nothing_readable_yields_nothing_readable(bad: bytes) -> None:
    ((_, payload),) = unwrapped_chunks([("chunk", bad)])

    assert payload in {b"", DAMAGED[1]}


def text_header(name: str, value: str) -> bytes:
    """Return one header as the service writes it."""
    return bytes([len(name)]) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()


def frame(headers: bytes, payload: bytes) -> bytes:
    """Return a message with these bytes as headers."""
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))
