"""The majors before the newest: what callers see is the same, and each call is one right span."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.instrument import scripts

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
ROWS: list[dict[str, Any]] = tomllib.loads((HERE / "sdk_versions.toml").read_text())["row"]
MODULES: Sequence[str] = ("test_differential.py", "contract")


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_older_majors_are_watched_as_the_newest_are(row: dict[str, Any], tmp_path: Path) -> None:
    python = scripts.overlay(tmp_path / "venv", row["packages"])
    if python is None:
        pytest.skip(f"{', '.join(row['packages'])} cannot be installed here")

    done = subprocess.run(
        [
            *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"),
            *("-n", "0", "--tb=short", "-W", "ignore", "--maxfail=5"),
            *(str(HERE / name) for name in MODULES),
        ],
        cwd=HERE.parents[1],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4_000:]
    assert " passed" in done.stdout
