"""Read the bytes of one call: decode, merge a stream, take the fields out. Pure.

Any of the bytes may be garbage: what can be read is read, and ``problem`` says what could not.
"""

from __future__ import annotations

import gzip
import importlib
import json
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from llmtrace import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from llmtrace.instrument.call import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    fields: wire.ResponseFields
    body: Mapping[str, object] | None
    """Parsed plain or merged body; None if there is none or it is not JSON."""
    text: str | None
    """JSON text of the body, without embedding vectors; other text as it came."""
    is_stream: bool
    problem: str | None = None
    is_truncated: bool = False


_SLICE_BYTES: Final = 16_384
_MAX_DECODED_BYTES: Final = 64_000_000
"""A stream that decodes to more is read up to here."""

_NOTHING = wire.ResponseFields()
_A_FILE = wire.ResponseFields(is_complete=True)


def parse_request(call: Call) -> tuple[Mapping[str, object] | None, str | None]:
    """Return the request body, parsed and as text; None where there is none."""
    if not call.request_body:
        return None, None
    read = call.endpoint.read_request
    data = call.request_body if read is None else read(call.request_body)
    text = data.decode("utf-8", "replace")
    return _parse_object(text), text


def read_answer(call: Call) -> Answer:
    """Read what the call got back, plain or streamed. Never raises for what the bytes hold."""
    answer = _read_bytes(call)
    if not call.headers:
        return answer
    fields = wire.with_headers(call.endpoint.api, answer.fields, call.headers)
    return answer if fields is answer.fields else replace(answer, fields=fields)


def _read_bytes(call: Call) -> Answer:
    if call.left_out is not None:
        return Answer(fields=_A_FILE, body={}, text=None, is_stream=False)
    if call.endpoint.has_results:  # read one by one, by ``batch_results``
        return Answer(fields=_NOTHING, body=None, text=None, is_stream=False)
    if call.pieces is not None:
        if not call.pieces and _is_json(call.headers or ()):
            # A plain answer that the app has not read.
            return Answer(fields=_NOTHING, body=None, text=None, is_stream=False)
        return _read_stream(call, call.pieces)
    if call.response_body is None:
        return Answer(fields=_NOTHING, body=None, text=None, is_stream=False)
    read = call.endpoint.read_response
    data = call.response_body if read is None else read(call.response_body)
    return _read_plain(call.endpoint.api, data, is_stream=False)


def _is_json(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    kinds = (value for name, value in headers if name.lower() == b"content-type")
    return next(kinds, b"").startswith(b"application/json")


def _read_plain(api: str, data: bytes, *, is_stream: bool) -> Answer:
    data = wire.strip_vectors_json(api, data)
    text = data.decode("utf-8", "replace")
    body = _parse_object(text)
    if body is None:
        problem = "the answer is not a JSON object" if data else "the answer is empty"
        return Answer(
            fields=_NOTHING,
            body=None,
            text=text or None,
            is_stream=is_stream,
            problem=problem,
        )
    fields = wire.response_fields(api, body)
    return Answer(fields=fields, body=body, text=text, is_stream=is_stream, problem=fields.problem)


def answer_bytes(call: Call) -> bytes:
    """Return an answer as it came, content-decoded; of a stream, what came of it."""
    if call.pieces is not None:
        return _stream_bytes(call, call.pieces)[0]
    return call.response_body or b""


def _stream_bytes(call: Call, pieces: list[bytes]) -> tuple[bytes, str | None]:
    """Return what came, decoded, and what was wrong with it."""
    read = call.endpoint.read_piece
    if read is not None:
        return b"\n".join(map(read, [*pieces, *(call.tail or ())])), None
    data, problem = _decoded(b"".join(pieces), call.content_encoding)
    if call.tail is not None and not call.content_encoding:
        # The middle was not kept; an empty line ends the event that was cut.
        data += b"\n\n" + b"".join(call.tail)
    return data, problem


def _read_stream(call: Call, pieces: list[bytes]) -> Answer:
    data, problem = _stream_bytes(call, pieces)
    api, read = call.endpoint.api, call.endpoint.read_response
    if not wire.looks_streamed(api, data) and (
        data.lstrip()[:1] in {b"{", b"["} or (read is not None and data)
    ):
        # with_streaming_response on a plain answer: a body that came by pieces.
        return _read_plain(api, data if read is None else read(data), is_stream=False)
    merged = wire.merge_stream(api, wire.strip_vectors_json(api, data))
    return Answer(
        fields=merged.fields,
        body=merged.body or None,
        text=_dumps(merged.body) if merged.body else None,
        is_stream=True,
        problem=problem or merged.problem,
        is_truncated=call.tail is not None,
    )


def _dumps(body: Mapping[str, object]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _parse_object(text: str) -> Mapping[str, object] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]  # any JSON object


def _decoded(data: bytes, encoding: str) -> tuple[bytes, str | None]:
    """Undo the content encoding as far as the bytes go; a stream may have been cut."""
    for name in reversed([part.strip().lower() for part in encoding.split(",") if part.strip()]):
        try:
            data = _decode_one(data, name)
        except (
            ImportError,
            ValueError,
            zlib.error,
            gzip.BadGzipFile,
            OSError,
        ) as error:
            return (
                b"",
                f"content-encoding {name!r} could not be undone ({type(error).__name__})",
            )
    return data, None


def _decode_one(data: bytes, name: str) -> bytes:
    """Undo one content encoding, slice by slice: a small body may hold gigabytes."""
    decompress = _decompressor(name, data)
    decoded = bytearray()
    for start in range(0, len(data), _SLICE_BYTES):
        decoded += decompress(data[start : start + _SLICE_BYTES])
        if len(decoded) > _MAX_DECODED_BYTES:
            break
    return bytes(decoded)


def _decompressor(name: str, data: bytes) -> Callable[[bytes], bytes]:
    if name == "identity":
        return bytes
    if name in {"gzip", "x-gzip"}:
        return zlib.decompressobj(wbits=31).decompress
    if name == "deflate":
        # With or without zlib's header, which is two bytes that 31 divides.
        has_header = len(data) > 1 and data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0
        return zlib.decompressobj(wbits=15 if has_header else -15).decompress
    # The client offered these only because it has the library that we use here.
    if name == "br":
        brotli: Any = importlib.import_module("brotli")
        return brotli.Decompressor().process
    if name == "zstd":
        zstandard: Any = importlib.import_module("zstandard")
        return zstandard.ZstdDecompressor().decompressobj().decompress
    raise ValueError(name)
