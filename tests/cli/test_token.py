"""``llmtrace token``: the token is printed once, its hash kept, its end visible."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from llmtrace.cli.token import command
from llmtrace.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def run(home: Path, *arguments: str) -> Any:
    return CliRunner().invoke(
        command, [*arguments, "--home", str(home)], catch_exceptions=False, standalone_mode=False
    )


def listed(home: Path) -> list[dict[str, Any]]:
    return json.loads(run(home, "list", "--json").stdout)


def test_a_token_is_made_rotated_and_revoked(tmp_path: Path) -> None:
    first = run(tmp_path, "create", "--project", "a").stdout.strip()
    second = run(tmp_path, "rotate", "--project", "a").stdout.strip()
    both = listed(tmp_path)
    run(tmp_path, "revoke", "--project", "a", "--id", both[0]["id"])

    assert first.startswith("llmt_")
    assert first != second
    assert [row["is_valid"] for row in both] == [True, True]
    assert both[0]["expires_at"] is not None
    assert [row["id"] for row in listed(tmp_path)] == [both[1]["id"]]
    assert first not in (tmp_path / "tokens.json").read_text()
    assert first not in run(tmp_path, "list").stdout


def test_revoking_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="llmtrace token list"):
        run(tmp_path, "revoke", "--project", "a")
