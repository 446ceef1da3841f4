"""Matrices of embeddings, ``"embeddings": [[…], …]``: replaced by what they are, never kept."""

from __future__ import annotations

import re
from typing import Final

from llmtrace.wire.openai_embeddings import base64_floats
from llmtrace.wire.reading import is_list, is_object

_NUMBERS: Final = rb"\[[-+0-9.eE,\s]*\]"
_BASE64: Final = rb'"(?:[A-Za-z0-9+/]|\\/)*=*"'
_KEYS: Final = ("embedding", "embeddings", "float", "int8", "uint8", "binary", "ubinary", "base64")
# Inside a JSON string every quote is escaped, so that these never match in somebody's text.
_MATRIX: Final = re.compile(
    rb'"(' + "|".join(_KEYS).encode() + rb')"\s*:\s*'
    rb"(\[\s*" + _NUMBERS + rb"(?:\s*,\s*" + _NUMBERS + rb")*\s*\]"
    rb"|\[\s*" + _BASE64 + rb"(?:\s*,\s*" + _BASE64 + rb")*\s*\]"
    rb"|" + _NUMBERS + rb")"
)
_VECTOR: Final = re.compile(_NUMBERS + rb"|" + _BASE64)


def strip_json(body: bytes) -> bytes:
    """Replace each vector by ``{"dimensions": n, "encoding": …}`` in JSON that is not parsed."""
    return _MATRIX.sub(_without_vectors, body)


def _without_vectors(match: re.Match[bytes]) -> bytes:
    key, matrix = match[1], match[2]
    return b'"%b":%b' % (key, _VECTOR.sub(lambda vector: _summary(key, vector[0]), matrix))


def _summary(key: bytes, vector: bytes) -> bytes:
    if vector.startswith(b'"'):
        count, encoding = base64_floats(vector[1:-1].replace(b"\\/", b"/").decode()), b"base64"
    else:
        count = vector.count(b",") + (len(vector.strip(b"[] \t\r\n")) > 0)
        if not count:
            return vector
        encoding = b"float" if key.startswith(b"embedding") else key
    return b'{"dimensions":%d,"encoding":"%b"}' % (count, encoding)


def strip(value: object, encoding: str = "float") -> object:
    """Do the same to what stands under ``embedding`` or ``embeddings`` in parsed JSON."""
    if is_object(value):
        return {key: strip(inner, key) for key, inner in value.items()}
    if isinstance(value, str):
        return {"dimensions": base64_floats(value), "encoding": "base64"}
    if not is_list(value):
        return value
    if value and not any(isinstance(item, list | str) for item in value):
        return {"dimensions": len(value), "encoding": encoding}
    return [strip(item, encoding) for item in value]
