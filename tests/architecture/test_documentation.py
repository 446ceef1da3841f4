"""What a user can type or set is written down, and nothing written leads to another project."""

from __future__ import annotations

import re

import pytest

from llmtrace.cli import COMMANDS
from llmtrace.config import TABLE
from tests.architecture.sources import REPOSITORY, name_of, written_files

# The public index has another project under the bare name; ours is llmtrace-toolkit.
WRONG_INSTALL = re.compile(
    r"""(?:pip\s+install|uv\s+add|uv\s+tool\s+install|pipx\s+install|pipx\s+run|uvx)\s+
    (?:-{1,2}[\w-]+\s+)*["']?llmtrace(?![-\w])""",
    re.VERBOSE,
)
DOCUMENTATION = "\n".join(
    path.read_text() for path in [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]
)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_command_is_documented(command: str) -> None:
    assert f"llmtrace {command}" in DOCUMENTATION


@pytest.mark.parametrize("variable", sorted({name for row in TABLE for name in row.variables}))
def test_a_setting_is_documented(variable: str) -> None:
    assert re.search(rf"\b{variable}\b", DOCUMENTATION)


def test_nobody_is_told_to_install_another_project() -> None:
    told = [
        f"{name_of(path)}:{number}"
        for path in [*written_files(".md", ".py", ".ipynb", ".toml"), REPOSITORY / "Makefile"]
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if WRONG_INSTALL.search(line)
    ]

    assert told == []


@pytest.mark.parametrize("text", ["pip install {}", "uvx {} demo", "pip install -U '{}[all]'"])
def test_the_pattern_tells_the_two_names_apart(text: str) -> None:
    assert WRONG_INSTALL.search(text.format("llmtrace"))
    assert not WRONG_INSTALL.search(text.format("llmtrace-toolkit"))
