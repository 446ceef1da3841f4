"""Watching a response that urllib3 reads: the object stays itself, the call ends once."""

from __future__ import annotations

import gc
import io
from typing import Any

import pytest
from opentelemetry.trace import SpanKind
from urllib3.response import HTTPResponse

from llmtrace.instrument.call import Call
from llmtrace.instrument.integrations import boto3
from llmtrace.instrument.spans import new_span
from llmtrace.instrument.urllib3_streams import watch


class Broken(io.BytesIO):
    """Breaks in the middle."""

    def read(self, size: int | None = -1) -> bytes:
        """Give a piece, then fail."""
        piece = super().read(4 if size is None else min(size, 4))
        if not piece:
            raise OSError("connection reset")
        return piece


@pytest.fixture
def ended() -> list[Call]:
    """Return where ended calls go."""
    return []


@pytest.fixture
def call(ended: list[Call]) -> Call:
    """Return a call that is open."""
    span = new_span("chat", SpanKind.CLIENT, {}, 1.0)  # type: ignore[arg-type]  # an empty context
    endpoint = boto3.find_endpoint("", "Converse")
    assert span is not None
    assert endpoint is not None
    return Call(boto3.INTEGRATION, endpoint, span, {}, ended.append)


def response(data: bytes, body: Any = None) -> HTTPResponse:
    """Return a response with these bytes still to be read."""
    return HTTPResponse(
        body=io.BytesIO(data) if body is None else body, preload_content=False, decode_content=False
    )


def test_a_response_stays_the_object_it_was(call: Call) -> None:
    raw = response(b"abc")

    assert watch(raw, call)
    assert isinstance(raw, HTTPResponse)
    assert raw.read() == b"abc"


def test_bytes_are_kept_and_their_end_ends_the_call(call: Call, ended: list[Call]) -> None:
    raw = response(b"abcdef")
    watch(raw, call)

    assert b"".join(raw.stream(2)) == b"abcdef"
    assert ended == [call]
    assert b"".join(call.pieces or ()) == b"abcdef"
    assert call.first_mono_ns
    raw.close()
    assert ended == [call]


def test_nothing_is_read_ahead(call: Call, ended: list[Call]) -> None:
    body = io.BytesIO(b"abcdef")
    raw = response(b"", body)
    watch(raw, call)

    assert raw.read(2) == b"ab"
    assert body.tell() == 2
    assert ended == []
    assert raw.read(0) == b""
    assert ended == []


def test_a_failure_is_the_readers_and_the_calls(call: Call, ended: list[Call]) -> None:
    raw = response(b"", Broken(b"abcdef"))
    watch(raw, call)

    with pytest.raises(Exception, match="connection reset"):
        b"".join(raw.stream(4))

    assert ended == [call]
    assert call.outcome == "failed"
    assert call.error_type
    assert b"".join(call.pieces or ()) == b"abcdef"


def test_closing_ends_a_call_that_was_not_read(call: Call, ended: list[Call]) -> None:
    raw = response(b"abc")
    watch(raw, call)

    raw.close()

    assert [each.outcome for each in ended] == ["abandoned"]


def test_a_response_that_is_forgotten_ends_its_call(call: Call, ended: list[Call]) -> None:
    raw = response(b"abc")
    watch(raw, call)

    del raw
    gc.collect()

    assert [each.outcome for each in ended] == ["abandoned"]
    assert call.is_forgotten


def test_the_body_of_a_refusal_is_kept_and_ends_nothing(call: Call, ended: list[Call]) -> None:
    raw = response(b'{"message":"no"}')
    watch(raw, call, ends_call=False)

    raw.read()
    raw.close()

    assert ended == []
    assert b"".join(call.pieces or ()) == b'{"message":"no"}'
    assert not call.streaming


def test_an_object_that_cannot_change_its_class_is_left_alone(call: Call) -> None:
    raw = io.BytesIO(b"abc")

    assert not watch(raw, call)
    assert type(raw) is io.BytesIO
    assert not call.streaming
