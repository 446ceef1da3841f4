"""``llmtrace run``: an untouched program is instrumented, and stays itself."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from llmtrace.store.connect import connect
from llmtrace.testing.provider import LocalProvider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = """
import sys
import openai
import neighbour

client = openai.OpenAI()
answer = client.chat.completions.create(
    model="gpt-5-mini", messages=[{"role": "user", "content": "hello"}]
)
print(__name__, sys.argv[1:], neighbour.WORD, bool(answer.choices))
sys.exit(7)
"""


@pytest.fixture
def provider() -> Iterator[LocalProvider]:
    with LocalProvider() as running:
        yield running


def run(arguments: list[str], provider: LocalProvider, home: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "llmtrace", "run", *arguments],
        env={
            **os.environ,
            "OPENAI_BASE_URL": provider.openai_url,
            "OPENAI_API_KEY": "none",
            "LLMTRACE_HOME": str(home),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_program_runs_as_itself_and_is_recorded(provider: LocalProvider, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    (tmp_path / "neighbour.py").write_text("WORD = 'found'")

    done = run([str(tmp_path / "app.py"), "--flag", "x"], provider, tmp_path / "home")

    assert done.stdout.strip() == "__main__ ['--flag', 'x'] found True"
    assert done.returncode == 7
    with connect(tmp_path / "home") as db:
        rows = db.sql("select model, service from llm_calls").rows()
    assert [row["service"] for row in rows] == ["app"]


def test_a_missing_program_is_named(provider: LocalProvider, tmp_path: Path) -> None:
    done = run(["nowhere.py"], provider, tmp_path)

    assert done.returncode == 2
    assert "there is no file 'nowhere.py'" in done.stderr


def test_an_exception_of_the_program_looks_as_if_python_ran_it(
    provider: LocalProvider, tmp_path: Path
) -> None:
    program = tmp_path / "app.py"
    program.write_text("def halve(number):\n    return 1 / number\n\nhalve(0)\n")

    done = run([str(program)], provider, tmp_path / "home")

    plain = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (plain.returncode, plain.stderr)


def test_a_module_that_is_not_there_is_one_line(provider: LocalProvider, tmp_path: Path) -> None:
    done = run(["-m", "nowhere_at_all"], provider, tmp_path)

    assert done.returncode == 1
    assert done.stderr == "ImportError: No module named nowhere_at_all\n"
