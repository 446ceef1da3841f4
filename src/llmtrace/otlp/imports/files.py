"""Opens a file to import, unpacks gzip, and says what it is by its first bytes."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast

from llmtrace.errors import ConfigError
from llmtrace.otlp.imports.csv_rows import csv_rows
from llmtrace.otlp.imports.json_values import JsonValues
from llmtrace.otlp.imports.located import Located, garbage
from llmtrace.otlp.imports.protobuf_messages import protobuf_messages

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path
    from typing import BinaryIO

Kind = Literal["json", "csv", "parquet", "protobuf"]

_HEAD: Final = 8 * 1024
_PARQUET: Final = b"PAR1"
_GZIP: Final = b"\x1f\x8b"
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1d\x1f]")
_FOREIGN: Final = (
    (b"PK\x03\x04", "a zip archive", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it"),
    (b"LTS1", "a segment of llmtrace", "put it into the folder spool of LLMTRACE_HOME"),
    (b"\xff\xfe", "UTF-16", "convert it to UTF-8"),
    (b"\xfe\xff", "UTF-16", "convert it to UTF-8"),
)


class Opened(NamedTuple):
    """A file whose kind is known."""

    kind: Kind
    records: Iterator[Located]


@contextmanager
def opened(path: Path) -> Generator[Opened]:
    """Give the records of a file. Raises ConfigError if it cannot be one of an export."""
    try:
        raw = path.open("rb")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    with raw:
        is_packed = raw.peek(2)[:2] == _GZIP
        file = raw
        if is_packed:
            # GzipFile reads as a raw stream does; typeshed has it as a BufferedIOBase.
            packed = cast("io.RawIOBase", gzip.GzipFile(fileobj=raw))
            file = cast("io.BufferedReader", io.BufferedReader(packed))
        try:
            kind = _kind(path, _head(path, file))
            if kind == "parquet" and is_packed:
                raise ConfigError(f"{path} is Parquet within gzip, which is not read; unpack it")
            yield Opened(kind, _guarded(_records(kind, file)))
        finally:
            if file is not raw:
                file.close()


def _head(path: Path, file: io.BufferedReader) -> bytes:
    try:
        return file.peek(_HEAD)[:_HEAD]
    except (EOFError, OSError, zlib.error) as error:
        raise ConfigError(f"{path} begins like gzip but cannot be unpacked: {error}") from error


def _kind(path: Path, head: bytes) -> Kind:
    for magic, what, remedy in _FOREIGN:
        if head.startswith(magic):
            raise ConfigError(f"{path} is {what}, which is not read; {remedy}")
    if head.startswith(_PARQUET):
        return "parquet"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise ConfigError(f"{path} is empty")
    if _CONTROL.search(head):
        if head[:1] == b"\n" or head[4:5] == b"\n":
            return "protobuf"
        raise ConfigError(f"{path} is neither text nor OTLP protobuf")
    if text[:1] == b"<":
        raise ConfigError(
            f"{path}:1: this is HTML or XML, not an export; was a login page saved in its place?"
        )
    return "json" if text[:1] in {b"{", b"["} else "csv"


def _records(kind: Kind, file: io.BufferedReader) -> Iterator[Located]:
    source = cast("BinaryIO", file)
    if kind == "json":
        return iter(JsonValues(source))
    if kind == "parquet":
        # pyarrow is heavy, and no other file needs it.
        from llmtrace.otlp.imports.parquet_rows import parquet_rows  # noqa: PLC0415

        return parquet_rows(source)
    return csv_rows(source) if kind == "csv" else protobuf_messages(file)


def _guarded(records: Iterator[Located]) -> Iterator[Located]:
    """Give the records up to where the file cannot be read on, and say so."""
    line = 0
    try:
        for record in records:
            line = record.line
            yield record
    except (EOFError, OSError, zlib.error) as error:
        problem = "truncated: the packed file ends early" if _is_cut(error) else "unreadable"
        yield garbage(line + 1, problem, f"after line {line}: {str(error)[:120]}")


def _is_cut(error: Exception) -> bool:
    return isinstance(error, EOFError)
