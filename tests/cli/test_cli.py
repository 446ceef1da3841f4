"""What the command line does with what no command foresaw."""

from __future__ import annotations

import click
import pytest

from llmtrace import cli


def failing(error: Exception) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


def test_a_fault_of_ours_is_one_line_and_a_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # given: a command with a bug
    monkeypatch.setattr(
        cli.LazyGroup, "get_command", lambda *_: failing(ZeroDivisionError("division by zero"))
    )

    # when
    with pytest.raises(SystemExit) as end:
        cli.run(["sql"])

    # then: what, and what to do; no traceback
    assert end.value.code == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError: division by zero" in line
    assert "--debug" in line


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: failing(ZeroDivisionError()))

    with pytest.raises(ZeroDivisionError):
        cli.run(["--debug", "sql"])


def test_a_package_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # given: an installation without the dashboards
    missing = ModuleNotFoundError("No module named 'streamlit'", name="streamlit")
    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: failing(missing))

    # when
    with pytest.raises(SystemExit) as end:
        cli.run(["dashboard"])

    # then
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert "needs 'streamlit'" in error
    assert "llmtrace-toolkit[all]" in error
