"""``llmtrace import``: good records of bad files are stored, and the report says what was lost."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from llmtrace.cli.import_ import command
from tests.cli.homes import llmtrace, rows, told
from tests.otlp.imports.test_helicone import REQUEST
from tests.otlp.imports.test_langfuse import BLOB
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path


def test_files_of_several_tools_are_taken_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(BLOB))
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(json.dumps([REQUEST], indent=1).encode()))
    (tmp_path / "c.binpb").write_bytes(request(span(1)))
    files = [str(tmp_path / name) for name in ("a.jsonl", "b.json.gz", "c.binpb")]

    report = told(llmtrace("import", *files, "--json", "--home", str(tmp_path / "home")))

    assert (report["records"], report["stored"], report["lost"]) == (3, 3, False)
    found = rows(tmp_path / "home", "select origin as o from llm_calls order by 1 nulls last")
    assert [row["o"] for row in found][:2] == ["import.helicone", "import.langfuse"]


def test_the_good_records_of_a_bad_file_are_stored_and_the_rest_named_by_line(
    tmp_path: Path,
) -> None:
    bad = tmp_path / "bad.jsonl"
    lines = [
        json.dumps(BLOB),
        json.dumps({**BLOB, "id": "00000000000000b2", "start_time": "2262-12-31 00:00:00"}),
        json.dumps({**BLOB, "id": "00000000000000b3"})[:200],
        json.dumps({**BLOB, "id": "00000000000000b4", "usage_details": {"input": -7}}),
        '{"id": "\ufffd"}',
        json.dumps({**BLOB, "id": "00000000000000b5", "name": "=HYPERLINK(1)\x1b[31m"}),
        '{"id": "cut',
    ]
    bad.write_bytes("\n".join(lines).encode().replace("\ufffd".encode(), b"\xe9"))

    result = CliRunner().invoke(
        command, [str(bad), "--home", str(tmp_path / "home")], standalone_mode=False
    )

    assert result.return_value == 1
    assert "stored: 3; duplicates: 0" in result.output
    for place, reason in (
        (2, "start_time '2262-12-31 00:00:00' cannot be stored"),
        (3, "Invalid control character"),
        (5, "UTF-8"),
        (7, "truncated"),
    ):
        assert any(
            f"{bad}:{place}:" in line and reason in line for line in result.output.splitlines()
        ), (place, result.output)
    assert "not believed, now unknown: usage 1" in result.output
    assert "\x1b" not in result.output


def test_a_page_saved_in_place_of_an_export_does_not_keep_the_others_out(tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text("<!doctype html><html></html>")
    (tmp_path / "good.jsonl").write_text(json.dumps(BLOB))

    result = llmtrace(
        "import",
        str(tmp_path / "page.json"),
        str(tmp_path / "good.jsonl"),
        "--dry-run",
        "--home",
        str(tmp_path / "home"),
    )

    assert f"{tmp_path / 'page.json'}:1: this is HTML" in result.output
    assert "1 spans (1 calls)" in result.output


@pytest.mark.parametrize("arguments", [["--format", "excel"], ["--project", "a b"]])
def test_wrong_usage_is_refused_before_anything_is_read(
    tmp_path: Path, arguments: list[str]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(BLOB))

    result = llmtrace("import", str(path), *arguments, "--home", str(tmp_path / "home"))

    assert result.exit_code == 2
    assert not (tmp_path / "home").exists()
