"""``llmtrace sql``: exact figures in every form, and nothing that a terminal or sheet obeys."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from llmtrace.cli.sql import command
from llmtrace.errors import QueryError
from llmtrace.store import DATABASE_FILE, Writer

if TYPE_CHECKING:
    from pathlib import Path


def run(home: Path, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(
        command, [*arguments, "--home", str(home)], input=stdin, catch_exceptions=True
    )


def cli(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llmtrace", "sql", *arguments, "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_table_shows_names_values_and_on_stderr_the_count(tmp_path: Path) -> None:
    result = run(tmp_path, "select 'gpt-5' as model, 1.50::decimal(18, 12) as cost_usd, null as n")

    assert [line.split() for line in result.stdout.splitlines()] == [
        ["model", "cost_usd", "n"],
        ["gpt-5", "1.5", "-"],
    ]
    assert result.stderr == "1 row\n"


def test_in_a_pipe_a_wide_table_is_not_shortened(tmp_path: Path) -> None:
    # given: more columns than eighty characters hold
    columns = ", ".join(f"'value {number}' as column_{number}" for number in range(30))

    # when
    lines = run(tmp_path, f"select {columns}").stdout.splitlines()

    # then
    assert len(lines) == 2
    assert [f"column_{number}" for number in range(30)] == lines[0].split()
    assert "value 29" in lines[1]


@pytest.mark.parametrize("rows", [0, 2])
def test_on_a_terminal_what_is_too_wide_shows_every_column_all_the_same(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: a terminal of eighty columns
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    columns = ", ".join(f"'value {number}' as column_{number}" for number in range(30))

    # when
    output = run(tmp_path, f"select {columns} from range({rows})").stdout  # noqa: S608  # numbers of ours

    # then
    for number in range(30):
        assert f"column_{number}" in output
        assert output.count(f"value {number}\n") == rows


def test_json_keeps_every_digit_of_a_decimal(tmp_path: Path) -> None:
    result = run(
        tmp_path, "--json", "select 0.000000000001::decimal(18, 12) as a, 1e20::double as b"
    )

    assert json.loads(result.stdout, parse_float=Decimal) == [
        {"a": Decimal("0.000000000001"), "b": Decimal("1e20")}
    ]


def test_json_has_maps_lists_times_and_nulls(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        "--json",
        "select map{'team': 'x'} as m, ['a', null] as l, timestamp '2026-01-02 03:04:05' as t, "
        "date '2026-01-02' as d, null as n, 'nan'::double as f, true as b",
    )

    assert json.loads(result.stdout) == [
        {
            "m": {"team": "x"},
            "l": ["a", None],
            "t": "2026-01-02 03:04:05",
            "d": "2026-01-02",
            "n": None,
            "f": None,
            "b": True,
        }
    ]


def test_json_of_no_rows_is_an_empty_list(tmp_path: Path) -> None:
    assert json.loads(run(tmp_path, "--json", "from llm_calls").stdout) == []


def test_columns_of_one_name_are_all_there(tmp_path: Path) -> None:
    assert json.loads(run(tmp_path, "--json", "select 1 as a, 2 as a").stdout) == [
        {"a": 1, "a_1": 2}
    ]


def test_csv_has_a_header_and_exact_decimals(tmp_path: Path) -> None:
    result = run(
        tmp_path, "--csv", "select 'a,b' as t, 1.10::decimal(18, 12) as c, null as n, 2 as i"
    )

    assert list(csv.reader(io.StringIO(result.stdout))) == [
        ["t", "c", "n", "i"],
        ["a,b", "1.1", "", "2"],
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_that_a_sheet_would_run_is_made_text_in_csv(text: str, tmp_path: Path) -> None:
    codes = "||".join(f"chr({ord(character)})" for character in text)

    result = run(tmp_path, "--csv", f"select {codes} as t")

    (_, (cell,)) = csv.reader(io.StringIO(result.stdout_bytes.decode(), newline=""))
    assert cell == f"'{text}"


def test_a_negative_number_stays_a_number_in_csv(tmp_path: Path) -> None:
    result = run(tmp_path, "--csv", "select -1 as a, -0.5::decimal(18, 12) as b")

    assert result.stdout == "a,b\n-1,-0.5\n"


def test_control_codes_and_markup_are_shown_not_obeyed(tmp_path: Path) -> None:
    result = run(tmp_path, "select chr(27) || '[31m' || '[bold]x[/bold]' || chr(8238) as t")

    assert "\\u001b[31m[bold]x[/bold]\\u202e" in result.stdout


def test_a_very_long_cell_is_shortened_in_the_table_alone(tmp_path: Path) -> None:
    query = "select repeat('x', 5000) as t"

    assert len(run(tmp_path, query).stdout) < 1_000
    assert len(json.loads(run(tmp_path, "--json", query).stdout)[0]["t"]) == 5_000


def test_rows_left_off_are_said_on_stderr(tmp_path: Path) -> None:
    result = run(tmp_path, "--json", "--max-rows", "2", "select * from range(5)")

    assert len(json.loads(result.stdout)) == 2
    assert "only the first 2 rows are shown" in result.stderr


def test_the_query_may_come_from_a_file_or_stdin(tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text("select 7 as a")

    assert json.loads(run(tmp_path, "--json", "-f", str(tmp_path / "q.sql")).stdout) == [{"a": 7}]
    assert json.loads(run(tmp_path, "--json", "-f", "-", stdin="select 8 as a").stdout) == [
        {"a": 8}
    ]


@pytest.mark.parametrize("arguments", [[], ["select 1", "-f", "-"]])
def test_not_exactly_one_query_is_a_usage_error(arguments: list[str], tmp_path: Path) -> None:
    result = run(tmp_path, *arguments)

    assert result.exit_code == 2
    assert "give one query" in result.stderr


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "query.sql").write_bytes(b"select \xff")

    result = run(tmp_path, "-f", str(tmp_path / "query.sql"))

    assert result.exit_code == 2
    assert "query.sql: not UTF-8 at byte 7" in result.stderr


def test_a_slow_query_ends_at_its_limit(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        "--timeout",
        "0.2",
        "select count(*) from range(10000000) a, range(10000000) b",
    )

    assert isinstance(result.exception, QueryError)


def test_a_refused_query_is_one_line_on_stderr_and_exit_code_2(tmp_path: Path) -> None:
    done = cli(tmp_path, "drop table spans")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("llmtrace: only reading is allowed, this is DROP")
    assert len(done.stderr.splitlines()) == 1


def test_a_store_of_a_newer_llmtrace_is_exit_code_3(tmp_path: Path) -> None:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.transaction(
            lambda t: t.execute("update _meta set value = '999' where key = 'schema_version'")
        )

    done = cli(tmp_path, "select 1")

    assert (done.returncode, done.stdout) == (3, "")
    assert "written by a newer llmtrace; upgrade this one" in done.stderr
