"""What is installed is what is written here: the wheel holds it all, and its core needs little."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.architecture.sources import REPOSITORY, name_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def uv() -> str:
    """Return the uv that `make` has set up, else the one on the PATH."""
    found = shutil.which(REPOSITORY / ".tools/bin/uv") or shutil.which("uv")
    if found is None:
        pytest.skip("no uv: `make test` gets one")
    return found


@pytest.fixture(scope="module")
def wheel(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    run(uv, "build", "--wheel", "--out-dir", folder, REPOSITORY)
    (built,) = folder.glob("*.whl")
    return built


def run(*command: str | Path) -> str:
    """Run a command and return its output; fail the test with its errors."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=110, check=False, cwd=REPOSITORY.parent
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_pages_and_rules(wheel: Path) -> None:
    written = {
        name_of(path)
        for folder in ("dashboards", "alerts")
        for path in (REPOSITORY / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    packed = set(zipfile.ZipFile(wheel).namelist())

    assert written
    assert {f"llmtrace/_bundled/{name}" for name in written} <= packed


def test_the_wheel_holds_the_data_files_of_the_package(wheel: Path) -> None:
    package = REPOSITORY / "src"
    written = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    packed = set(zipfile.ZipFile(wheel).namelist())

    assert written <= packed


def test_the_bare_wheel_instruments_an_app(uv: str, wheel: Path, tmp_path: Path) -> None:
    interpreter = tmp_path / "venv" / "bin" / "python"
    run(uv, "venv", "--quiet", tmp_path / "venv")
    run(uv, "pip", "install", "--quiet", "--python", interpreter, wheel)

    said = run(
        interpreter, "-c", "import llmtrace; llmtrace.instrument(); print(llmtrace.__file__)"
    )

    assert Path(said.strip()).is_relative_to(tmp_path)
