"""The README tells the truth where a machine can tell."""

from __future__ import annotations

from pathlib import Path

from llmtrace.cli import COMMANDS
from llmtrace.config import settings_markdown

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_settings_table_is_the_one_in_the_code() -> None:
    table = README.split("<!-- settings -->")[1].split("<!-- /settings -->")[0].strip()

    assert table == settings_markdown()


def test_every_command_is_named() -> None:
    missing = [name for name in COMMANDS if f"llmtrace {name}" not in README]

    assert not missing
