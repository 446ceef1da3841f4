"""``llmtrace prices update``: pinned, on purpose, and back again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from llmtrace.cli.prices import command
from llmtrace.cli.prices.update import update
from llmtrace.errors import PriceFileError
from llmtrace.pricing.updates import installed_prices
from tests.cli.prices.serving import price_list, served

if TYPE_CHECKING:
    from pathlib import Path


def _run(home: Path, *arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, [*arguments, "--home", str(home)], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return int(result.return_value), result.stdout, result.stderr


def _shown(home: Path) -> str:
    return _run(home, "show", "gpt-5", "--provider", "openai", "--at", "2026-11-20")[1]


def test_a_pinned_list_is_used_from_then_on_and_named(tmp_path: Path) -> None:
    pin = hashlib.sha256(price_list()).hexdigest()

    with served(price_list()) as url:
        code, out, _ = _run(tmp_path, "update", url, "--sha256", pin.upper(), "--version", "v9")

    assert code == 0
    assert f"1 models, {len(price_list())} bytes, SHA-256 {pin}" in out
    assert out.endswith("in use: genai-prices v9\n")
    assert "gpt-5 at openai on 2026-11-20, from genai-prices v9" in _shown(tmp_path)


def test_another_file_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    with served(price_list()) as url, pytest.raises(PriceFileError, match="nothing was changed"):
        _run(tmp_path, "update", url, "--sha256", "0" * 64)

    assert installed_prices(tmp_path) is None


def test_without_a_pin_and_a_terminal_nothing_is_used_and_the_pin_is_said(tmp_path: Path) -> None:
    with served(price_list()) as url:
        code, _, err = _run(tmp_path, "update", url)

    assert code == 1
    assert f"--sha256 {hashlib.sha256(price_list()).hexdigest()}" in err
    assert installed_prices(tmp_path) is None


def test_yes_uses_it_under_the_days_name(tmp_path: Path) -> None:
    with served(price_list()) as url:
        assert _run(tmp_path, "update", url, "--yes")[0] == 0

    new = installed_prices(tmp_path)
    assert new is not None
    assert new.version.endswith(hashlib.sha256(price_list()).hexdigest()[:12])


def test_a_bad_file_leaves_the_bundled_prices(tmp_path: Path) -> None:
    with (
        served(b"<html>not found</html>") as url,
        pytest.raises(PriceFileError, match="not JSON"),
    ):
        _run(tmp_path, "update", url, "--yes")

    assert "from genai-prices 0." in _shown(tmp_path)


def test_a_roll_back_says_what_is_used(tmp_path: Path) -> None:
    with served(price_list()) as url:
        _run(tmp_path, "update", url, "--yes")

    assert _run(tmp_path, "update", "--rollback")[1] == "in use: the bundled prices\n"
    assert "from genai-prices 0." in _shown(tmp_path)
    assert update.name == "update"
