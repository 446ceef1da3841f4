"""``llmtrace deadletter``: what was put aside is shown, and stored once its fault is gone."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from llmtrace.cli.deadletter import command
from llmtrace.cli.letters import plain
from llmtrace.config import load_settings
from llmtrace.errors import ConfigError, QueryError
from llmtrace.otlp.rows import leave_unpriced
from llmtrace.spool import SegmentWriter
from llmtrace.store import DATABASE_FILE, Drain, Writer
from llmtrace.store.admin import Admin
from llmtrace.store.chunks import Reading
from llmtrace.store.dead_letters import put_aside
from tests.cli.homes import collected, rows
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
        Drain(tmp_path, writer, Reading(fails)).run()
    return tmp_path


def test_what_lies_aside_is_shown_with_its_spans(home: Path) -> None:
    result = run(home, "list", "--json")

    found = json.loads(result.stdout)
    assert sorted(row["spans"] for row in found) == [0, 2]
    assert result.return_value == 1


def test_what_was_put_aside_by_a_fault_of_ours_is_stored_after_it_is_mended(home: Path) -> None:
    run(home, "retry", "--all")
    with Writer(home / DATABASE_FILE) as writer:
        Drain(home, writer, Reading(leave_unpriced)).run()
        stored = writer.sql("select span_id::int as id from spans order by 1")

    assert stored.column("id").to_pylist() == [1, 2]
    left = json.loads(run(home, "list", "--json").stdout)
    assert [row["spans"] for row in left] == [0]


@pytest.mark.parametrize("wrong", [(), ("--all", "x.otlp"), ("../token",)])
def test_only_what_lies_there_can_be_tried_again(wrong: tuple[str, ...], home: Path) -> None:
    before = sorted(path.name for path in (home / "deadletter").iterdir())

    with pytest.raises(ConfigError, match="llmtrace deadletter list"):
        run(home, "retry", *wrong)

    assert sorted(path.name for path in (home / "deadletter").iterdir()) == before


def names(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "deadletter").iterdir())


def letter(home: Path, spans: int) -> str:
    """Return the name of the letter that holds so many spans."""
    found = json.loads(run(home, "list", "--json").stdout)
    return next(row["file"] for row in found if row["spans"] == spans)


def test_a_letter_says_why_it_lies_there_and_what_is_in_it(home: Path) -> None:
    told = json.loads(run(home, "show", letter(home, 2), "--spans", "1", "--json").stdout)

    assert told["reason"] == "it could not be read"
    assert (told["spans"], told["problem"]) == (2, None)
    (first,) = told["first"]
    assert (first["name"], first["service"]) == ("chat gpt-5", "shop")
    assert first["trace_id"] == f"{1:032x}"
    assert first["attributes"]["gen_ai.request.model"] == "gpt-5"


def test_what_cannot_be_read_is_shown_as_its_first_bytes(home: Path) -> None:
    text = run(home, "show", letter(home, 0)).stdout

    assert "are not an ExportTraceServiceRequest" in text
    assert "begins with: ff 20 67 61 72 62 61 67 65" in text


def test_a_letter_cannot_fool_the_terminal(tmp_path: Path) -> None:
    hostile = {"a\x1b[2J": "\u202eevil\r\nline", "long": "x" * 5000}
    path = put_aside(tmp_path, "1-1", request(span(1, hostile, name="\x1b]0;x\x07")), "\x1b[31m")

    text = run(tmp_path, "show", path.name).stdout

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert r"a\x1b[2J = \u202eevil\r\nline" in text
    assert "(5,000 characters)" in text
    assert max(map(len, text.splitlines())) < 200


def test_a_letter_of_an_older_version_has_no_reason(tmp_path: Path) -> None:
    path = put_aside(tmp_path, "1-1", request(span(1)), "")
    path.with_suffix(".why").unlink()

    assert "reason: not noted" in run(tmp_path, "show", path.name).stdout


@pytest.mark.parametrize("running", [False, True])
def test_what_is_dropped_is_gone_counted_and_audited(home: Path, *, running: bool) -> None:
    with collected(home, running=running):
        gone = letter(home, 2)
        run(home, "drop", gone, "--yes")

        assert names(home) == sorted(name for name in names(home) if not name.startswith(gone[:-5]))
        (audit,) = rows(home, "select * from audit")
        counts = rows(home, "select name, total from _counts where name like 'deleted%' order by 1")

    assert audit["operation"] == "deadletter-drop"
    assert "@" in audit["actor"]
    assert json.loads(audit["outcome"])["files"] == [gone]
    assert counts == [
        {"name": "deleted.dead_letter_requests", "total": 1},
        {"name": "deleted.dead_letter_spans", "total": 2},
    ]


def test_nothing_is_dropped_without_a_yes(home: Path) -> None:
    before = names(home)

    with pytest.raises(click.UsageError, match="2 dead letter requests, 2 dead letter spans"):
        run(home, "drop", "--all")

    assert names(home) == before
    assert rows(home, "select * from audit") == []


@pytest.mark.parametrize("wrong", ["x.otlp", "../token", "../../etc/passwd"])
@pytest.mark.parametrize("action", [("show",), ("drop", "--yes")])
def test_only_what_lies_there_is_shown_or_dropped(
    home: Path, wrong: str, action: tuple[str, ...]
) -> None:
    before = names(home)

    with pytest.raises(ConfigError, match="lies aside"):
        run(home, *action, wrong)

    assert names(home) == before


@pytest.mark.parametrize("files", [None, [], "x.otlp", [1], ["../token"]])
def test_whoever_asks_over_http_is_told_what_is_wrong(home: Path, files: object) -> None:
    with pytest.raises(QueryError):
        Admin(load_settings({}, home=home)).run("deadletter-drop", {"files": files})


def test_a_second_try_takes_the_reason_along(home: Path) -> None:
    run(home, "retry", "--all")

    assert names(home) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a b", "a b"),
        ("\x9b1m", r"\x9b1m"),
        ("é\u2066", "é\\u2066"),
        ("\ud800", r"\ud800"),
        (7, "7"),
    ],
)
def test_only_printable_characters_are_shown(value: object, shown: str) -> None:
    assert plain(value) == shown
