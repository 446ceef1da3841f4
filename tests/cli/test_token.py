"""``llmtrace token``: the token is printed once, its hash kept, its end visible."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from llmtrace.cli.token import command
from llmtrace.clock import SystemClock
from llmtrace.collector.tokens import changing_tokens, created
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


def test_tokens_made_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    together = threading.Barrier(6)

    def create(number: int) -> None:
        together.wait(10)
        kept, _ = created(f"p{number}", SystemClock().now())
        with changing_tokens(tmp_path) as tokens:
            tokens.append(kept)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(create, range(6)))
    with pytest.raises(ConfigError):  # which leaves what is there
        run(tmp_path, "revoke", "--project", "unknown")

    assert {row["project"] for row in listed(tmp_path)} == {f"p{number}" for number in range(6)}


def test_revoking_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="llmtrace token list"):
        run(tmp_path, "revoke", "--project", "a")
