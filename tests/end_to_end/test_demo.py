"""The main job, as a person starts it: ``llmtrace demo --exit``."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(240)
def test_the_demo_shows_the_right_figures_at_every_stage(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "llmtrace", "demo", "--exit", "--home", str(tmp_path / "home")],
        env={**os.environ, "LLMTRACE_HOME": str(tmp_path / "not-this-one")},
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "checks passed" in done.stdout
    assert "FAIL" not in done.stderr
    assert not (tmp_path / "not-this-one").exists()
