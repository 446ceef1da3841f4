"""A request's body → the bytes it stands for, bounded before and after decompression. Pure.

A small gzip can stand for gigabytes: output is produced in pieces and given up at the limit.
"""

from __future__ import annotations

import zlib
from typing import Final

import pyarrow as pa

MAX_COMPRESSED_BYTES: Final = 8 * 1024 * 1024
MAX_DECODED_BYTES: Final = 20 * 1024 * 1024
MAX_RATIO: Final = 200
# Below this a high ratio is harmless, and common: the same few spans over and over.
_RATIO_FROM_BYTES: Final = 1024 * 1024
_PIECE_BYTES: Final = 256 * 1024
_WINDOW_BITS: Final = {"gzip": 31, "deflate": 15}


class RefusedBodyError(ValueError):
    """A body that is not taken, with the HTTP status that says so."""

    def __init__(self, status: int, reason: str) -> None:
        """Keep the status, and words for whoever sent it."""
        super().__init__(reason)
        self.status = status


def decoded_body(body: bytes, encoding: str) -> bytes:
    """Undo a ``Content-Encoding``. Raises RefusedBodyError (400, 413, 415)."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    if name == "zstd":
        return _unpacked(body)
    bits = _WINDOW_BITS.get(name)
    if bits is None:
        raise RefusedBodyError(
            415,
            f"Content-Encoding {encoding[:40]!r} is not taken; send gzip, deflate, zstd or none",
        )
    try:
        return _inflated(body, bits)
    except zlib.error as error:
        raise RefusedBodyError(
            400, f"the body is not {name} as its Content-Encoding says; compress it again"
        ) from error


def _inflated(body: bytes, bits: int) -> bytes:
    inflater = zlib.decompressobj(bits)
    pieces: list[bytes] = []
    total = 0
    rest = body
    while not inflater.eof:
        piece = inflater.decompress(rest, _PIECE_BYTES)
        rest = inflater.unconsumed_tail
        total += len(piece)
        pieces.append(piece)
        _check_size(total, len(body))
        if not (piece or rest or inflater.eof):
            raise zlib.error("the stream ends too soon")
    if inflater.unused_data:
        raise zlib.error("something follows the stream")
    return b"".join(pieces)


def _unpacked(body: bytes) -> bytes:
    """Undo zstd, bounded in the same way."""
    pieces: list[bytes] = []
    total = 0
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
            while piece := stream.read(_PIECE_BYTES):
                total += len(piece)
                pieces.append(piece)
                _check_size(total, len(body))
    except (OSError, pa.ArrowException) as error:
        raise RefusedBodyError(
            400, "the body is not zstd as its Content-Encoding says; compress it again"
        ) from error
    return b"".join(pieces)


def _check_size(total: int, packed: int) -> None:
    if total > MAX_DECODED_BYTES:
        raise RefusedBodyError(
            413, f"the body holds more than {MAX_DECODED_BYTES} bytes; send smaller batches"
        )
    if total > _RATIO_FROM_BYTES and total > MAX_RATIO * packed:
        raise RefusedBodyError(
            413, f"the body holds more than {MAX_RATIO} times its size; send smaller batches"
        )
