"""Every example runs against the local provider, is short, and is plain but for one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llmtrace.store.connect import connect
from llmtrace.testing.provider import LocalProvider

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[2] / "examples"
APPS = ("quickstart_openai", "streaming", "tag_by_team")
THE_LINE = "import llmtrace; llmtrace.instrument()"


@pytest.fixture
def provider() -> Iterator[LocalProvider]:
    with LocalProvider() as running:
        yield running


def run(program: Path, provider: LocalProvider, home: Path) -> str:
    """Run a program as its reader would, and return what it printed."""
    done = subprocess.run(
        [sys.executable, str(program)],
        env={
            **os.environ,
            "OPENAI_BASE_URL": provider.openai_url,
            "OPENAI_API_KEY": "none",
            "ANTHROPIC_BASE_URL": provider.anthropic_url,
            "ANTHROPIC_API_KEY": "none",
            "LLMTRACE_HOME": str(home),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_has_at_most_forty_lines(path: Path) -> None:
    lines = path.read_text().splitlines()

    assert len(lines) <= 40


@pytest.mark.parametrize("name", APPS)
def test_an_example_app_runs_and_its_calls_are_priced(
    name: str, provider: LocalProvider, tmp_path: Path
) -> None:
    printed = run(EXAMPLES / f"{name}.py", provider, tmp_path)

    with connect(tmp_path) as db:
        found = db.sql("select count(*) as n, count(cost_usd) as priced from llm_calls").rows()[0]
    assert printed.strip()
    assert found["n"] == found["priced"] == len(provider.requests)


@pytest.mark.parametrize("name", ["quickstart_openai", "streaming"])
def test_the_plain_program_differs_by_one_line_and_prints_the_same(
    name: str, tmp_path: Path
) -> None:
    text = (EXAMPLES / f"{name}.py").read_text()
    lines = text.splitlines(keepends=True)
    plain = tmp_path / "plain.py"
    plain.write_text("".join(line for line in lines if not line.startswith(THE_LINE)))

    with LocalProvider() as first:
        watched = run(EXAMPLES / f"{name}.py", first, tmp_path / "home")
    with LocalProvider() as second:
        unwatched = run(plain, second, tmp_path / "other")

    assert len(lines) - len(plain.read_text().splitlines()) == 1
    assert watched == unwatched
    assert not (tmp_path / "other").exists()


def test_a_recorded_call_is_answered_offline(provider: LocalProvider, tmp_path: Path) -> None:
    recorded = run(EXAMPLES / "quickstart_openai.py", provider, tmp_path)
    sent = len(provider.requests)

    replayed = run(EXAMPLES / "replay_offline.py", provider, tmp_path)

    assert replayed == recorded
    assert len(provider.requests) == sent


def test_the_analysis_prints_a_table_of_spend(provider: LocalProvider, tmp_path: Path) -> None:
    run(EXAMPLES / "quickstart_openai.py", provider, tmp_path)

    printed = run(EXAMPLES / "analysis.py", provider, tmp_path)

    assert "cost_usd" in printed
    assert "gpt-5-mini" in printed
