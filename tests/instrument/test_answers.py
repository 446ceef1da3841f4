"""Bytes of a call are read as far as they go, and no further than memory allows."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import pytest
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from llmtrace import semconv
from llmtrace.instrument import answers
from llmtrace.instrument.answers import read_answer
from llmtrace.instrument.call import Call
from llmtrace.instrument.integrations import INTEGRATIONS
from llmtrace.instrument.integrations._base import Endpoint
from llmtrace.instrument.spans import new_span

if TYPE_CHECKING:
    from collections.abc import Callable

CHAT = Endpoint(api=semconv.API_OPENAI_CHAT, operation=semconv.OP_CHAT)
EVENTS = (
    b'data: {"id":"c1","model":"gpt-5","choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
    b'data: {"id":"c1","model":"gpt-5","choices":[],"usage":{"prompt_tokens":3}}\n\n'
    b"data: [DONE]\n\n"
)


def streamed(data: bytes, encoding: str) -> Call:
    span = new_span("chat", SpanKind.CLIENT, Context(), 1.0)
    assert span is not None
    call = Call(INTEGRATIONS["openai"], CHAT, span, {}, lambda _: None)
    call.open_stream()
    call.more_room()(data)
    call.content_encoding = encoding
    return call


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("", bytes),
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", _raw_deflate),
        ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
    ],
)
def test_a_stream_is_read_whatever_it_is_packed_in(
    encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    answer = read_answer(streamed(pack(EVENTS), encoding))

    assert answer.fields.usage == {"prompt_tokens": 3}
    assert answer.fields.is_complete
    assert answer.problem is None


def test_what_arrived_of_a_packed_stream_that_was_cut_is_read() -> None:
    packed = gzip.compress(EVENTS * 200, mtime=0)

    answer = read_answer(streamed(packed[: len(packed) // 2], "gzip"))

    assert answer.fields.model == "gpt-5"


def test_a_small_stream_that_holds_gigabytes_is_read_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answers, "_MAX_DECODED_BYTES", 100_000)
    monkeypatch.setattr(answers, "_SLICE_BYTES", 64)
    bomb = gzip.compress(EVENTS + b": " + b"x" * 50_000_000)
    seen: list[int] = []
    merge = answers.wire.merge_stream

    def measured(api: str, data: bytes) -> answers.wire.MergedStream:
        seen.append(len(data))
        return merge(api, data)

    monkeypatch.setattr(answers.wire, "merge_stream", measured)

    answer = read_answer(streamed(bomb, "gzip"))

    assert answer.fields.usage == {"prompt_tokens": 3}
    assert seen[0] < 1_000_000


def test_an_encoding_that_nobody_knows_is_a_problem_not_an_error() -> None:
    answer = read_answer(streamed(EVENTS, "snappy"))

    assert answer.problem is not None
    assert "snappy" in answer.problem
