"""Bodies: decompressed within bounds, and nothing that only claims to be compressed."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib

import pyarrow as pa
import pytest

from llmtrace.collector.body import MAX_DECODED_BYTES, RefusedBodyError, decoded_body

TEXT = random.Random(5).randbytes(300_000)


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))  # type: ignore[attr-defined]  # not in our stubs


@pytest.mark.parametrize("encoding", ["", "identity", "Identity "])
def test_a_plain_body_is_taken_as_it_is(encoding: str) -> None:
    assert decoded_body(TEXT, encoding) == TEXT


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("GZIP", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("zstd", zstd(TEXT)),
    ],
)
def test_a_compressed_body_is_undone(encoding: str, body: bytes) -> None:
    assert decoded_body(body, encoding) == TEXT


def test_an_empty_text_may_be_compressed() -> None:
    assert decoded_body(gzip.compress(b""), "gzip") == b""


@pytest.mark.parametrize("encoding", ["br", "snappy", "gzip, gzip", "x" * 1_000])
def test_other_encodings_are_refused_with_what_to_send(encoding: str) -> None:
    with pytest.raises(RefusedBodyError, match="send gzip, deflate, zstd or none") as caught:
        decoded_body(TEXT, encoding)

    assert caught.value.status == 415
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "body",
    [b"", b"plain", gzip.compress(TEXT, mtime=0)[:-20], gzip.compress(TEXT, mtime=0) + b"more"],
)
def test_a_body_that_is_not_as_compressed_as_it_says_is_malformed(body: bytes) -> None:
    with pytest.raises(RefusedBodyError, match="not gzip as its Content-Encoding says") as caught:
        decoded_body(body, "gzip")

    assert caught.value.status == 400


def test_a_bomb_is_given_up_early_and_without_its_memory() -> None:
    bomb = gzip.compress(bytes(200_000_000), 9)
    tracemalloc.start()

    with pytest.raises(RefusedBodyError, match="the body holds more than") as caught:
        decoded_body(bomb, "gzip")

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.status == 413
    assert peak < 3 * MAX_DECODED_BYTES


def test_more_than_the_limit_is_refused_whatever_the_ratio() -> None:
    large = random.Random(1).randbytes(MAX_DECODED_BYTES // 16) * 17

    with pytest.raises(RefusedBodyError, match=f"more than {MAX_DECODED_BYTES} bytes") as caught:
        decoded_body(zlib.compress(large, 1), "deflate")

    assert caught.value.status == 413


def test_a_bomb_of_zstd_is_given_up_early() -> None:
    with pytest.raises(RefusedBodyError) as caught:
        decoded_body(zstd(bytes(200_000_000)), "zstd")

    assert caught.value.status == 413


def test_a_body_that_is_not_zstd_is_refused() -> None:
    with pytest.raises(RefusedBodyError, match="not zstd") as caught:
        decoded_body(b"plain text", "zstd")

    assert caught.value.status == 400
