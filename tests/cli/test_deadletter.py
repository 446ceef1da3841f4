"""``llmtrace deadletter``: what was put aside is shown, and stored once its fault is gone."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from llmtrace.cli.deadletter import command
from llmtrace.errors import ConfigError
from llmtrace.otlp.rows import leave_unpriced
from llmtrace.spool import SegmentWriter
from llmtrace.store import DATABASE_FILE, Drain, Writer
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.otlp.rows import SpanRow


def run(home: Path, *arguments: str) -> Any:
    return CliRunner().invoke(
        command, [*arguments, "--home", str(home)], catch_exceptions=False, standalone_mode=False
    )


def fails(row: SpanRow) -> SpanRow:
    raise ZeroDivisionError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    app = SegmentWriter(tmp_path / "spool", now_ns=lambda: 1, pid=os.getpid())
    app.append(request(span(1), span(2)))
    app.append(b"\xff garbage")
    app.close()
    with Writer(tmp_path / DATABASE_FILE) as writer:
        Drain(tmp_path, writer, fails).run()
    return tmp_path


def test_what_lies_aside_is_shown_with_its_spans(home: Path) -> None:
    result = run(home, "list", "--json")

    rows = json.loads(result.stdout)
    assert sorted(row["spans"] for row in rows) == [0, 2]
    assert result.return_value == 1


def test_what_was_put_aside_by_a_fault_of_ours_is_stored_after_it_is_mended(home: Path) -> None:
    run(home, "retry", "--all")
    with Writer(home / DATABASE_FILE) as writer:
        Drain(home, writer, leave_unpriced).run()
        stored = writer.sql("select span_id::int as id from spans order by 1")

    assert stored.column("id").to_pylist() == [1, 2]
    rows = json.loads(run(home, "list", "--json").stdout)
    assert [row["spans"] for row in rows] == [0]


@pytest.mark.parametrize("wrong", [(), ("--all", "x.otlp"), ("../token",)])
def test_only_what_lies_there_can_be_tried_again(wrong: tuple[str, ...], home: Path) -> None:
    before = sorted(path.name for path in (home / "deadletter").iterdir())

    with pytest.raises(ConfigError, match="llmtrace deadletter list"):
        run(home, "retry", *wrong)

    assert sorted(path.name for path in (home / "deadletter").iterdir()) == before
