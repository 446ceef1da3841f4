"""The majors before the newest: what callers see is the same, and each call is one right span."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement

from tests.instrument import scripts

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
ROWS: list[dict[str, Any]] = tomllib.loads((HERE / "sdk_versions.toml").read_text())["row"]
MODULES: Sequence[str] = ("contract", "test_differential.py", "test_unknown_versions.py")
TIMEOUT_S = 500
VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT_S + 120)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_older_majors_are_watched_as_the_newest_are(row: dict[str, Any], tmp_path: Path) -> None:
    # given
    python = scripts.overlay(tmp_path / "venv", row["packages"])
    if python is None:
        pytest.skip(f"{', '.join(row['packages'])} cannot be installed here")
    wanted = [Requirement(text) for text in row["packages"]]
    found = json.loads(run(python, "-c", VERSIONS, *(each.name for each in wanted)).stdout)
    assert [each.name for each in wanted if found[each.name] not in each.specifier] == []

    # when
    modules = MODULES if row.get("sdks") else ()
    done = run(
        *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"),
        *("-n", "0", "--tb=short", "-W", "ignore", "--maxfail=5"),
        *(str(HERE / name) for name in (*modules, *row.get("more", ()))),
        sdks=row.get("sdks", ()),
    )

    # then
    assert done.returncode == 0, done.stdout[-4_000:]
    assert " passed" in done.stdout


def run(*command: str, sdks: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run a command of the row's environment from the top of the repository."""
    return subprocess.run(
        command,
        cwd=HERE.parents[1],
        env={
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
            "CONTRACT_SDKS": ",".join(sdks),
            "DIFFERENTIAL": "brief",
        },
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
