"""What a file is, by its first bytes, packed or not; and what it is not, in words."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import ConfigError
from llmtrace.otlp.imports.files import opened
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path


def kind_of(path: Path, data: bytes) -> tuple[str, int]:
    path.write_bytes(data)
    with opened(path) as file:
        return file.kind, len(list(file.records))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"a":1}\n{"a":2}\n', "json"),
        (b'\xef\xbb\xbf [\n{"a":1},{"a":2}]', "json"),
        (b"a,b\n1,2\n3,4\n", "csv"),
    ],
)
def test_a_file_is_known_by_its_beginning(
    tmp_path: Path, data: bytes, kind: str, *, packed: bool
) -> None:
    content = gzip.compress(data) if packed else data

    assert kind_of(tmp_path / "export", content) == (kind, 2)


def test_otlp_protobuf_is_known_too(tmp_path: Path) -> None:
    assert kind_of(tmp_path / "export", request(span(1))) == ("protobuf", 1)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!doctype html><html>sign in</html>", ":1: this is HTML"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        ("start,end".encode("utf-16"), "UTF-16"),
        (gzip.compress(b"PAR1....", mtime=0), "Parquet within gzip"),
        (b"PK\x03\x04....", "zip"),
        (b"\x1f\x8b\x08garbage", "gzip"),
        (b"\x00\x01\x02\x03\x04\x05", "neither text nor OTLP"),
    ],
)
def test_what_is_no_export_is_refused_with_what_it_is(
    tmp_path: Path, data: bytes, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        kind_of(tmp_path / "export", data)


def test_a_packed_file_that_ends_early_gives_what_could_be_unpacked(tmp_path: Path) -> None:
    lines = b"".join(b'{"n": %d, "x": "%x"}\n' % (n, n**9) for n in range(40_000))
    path = tmp_path / "export.gz"
    path.write_bytes(gzip.compress(lines)[:-40_000])

    with opened(path) as file:
        *records, last = list(file.records)

    assert len(records) > 1000
    assert last.problem == "truncated: the packed file ends early"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.json"), opened(tmp_path / "nothing.json"):
        pass
