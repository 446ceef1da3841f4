"""The benchmark as people run it: it measures, and says so where a peer cannot be had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measuring import frameworks, peers
from benchmarks.measuring.background import prose
from benchmarks.measuring.fresh import starts
from benchmarks.measuring.report import frameworks as table_of_frameworks
from benchmarks.measuring.session import Session
from benchmarks.measuring.sink import Sink

ROOT = Path(__file__).resolve().parents[2]


def test_a_session_measures_side_by_side_and_tells_of_a_peer_that_cannot_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: a machine without uv, so that the bare span runs in this environment
    monkeypatch.setattr(peers, "_find_uv", _no_uv)

    # when
    with Sink() as sink, Session(["openinference"], tmp_path, sink.url) as session:
        session.run(1, [("chat", "record"), ("chat", "otlp")])

    # then
    ours = session.results["llmtrace", "chat", "record"]
    bare = session.results["otel-span", "chat", "record"]
    assert ours.times is not None
    assert ours.times.base.median > 50
    assert ours.added_calls is not None
    assert bare.added_calls is not None
    assert 0 < sum(ours.added_calls) < sum(bare.added_calls)
    assert session.results["llmtrace", "chat", "otlp"].times is not None
    assert session.missing == {"otel-span": "no uv here", "openinference": "no uv here"}
    assert "openinference" not in session.workers


@pytest.mark.timeout(300)  # compiles the SDKs in a new folder
def test_a_fresh_process_tells_what_starting_costs() -> None:
    after_sdks, after_nothing, with_first_span = starts("llmtrace", sys.executable, 1)

    assert 0 < after_sdks.cpu_ms.median < with_first_span.cpu_ms.median
    assert 0 < after_sdks.modules < after_nothing.modules


def test_a_misspelt_peer_is_one_line_and_exit_code_1() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "overhead.py"), "--peers", "opentelmetry"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.strip() == "unknown peer opentelmetry; known: otel-genai, openinference"


def test_the_text_that_is_redacted_is_as_long_as_it_says_and_always_the_same() -> None:
    assert len(prose(20_000)) == 20_000
    assert prose(20_000) == prose(20_000)


def _no_uv() -> str:
    raise peers.PeerError("no uv here")


def test_steps_of_frameworks_are_counted_with_and_without_their_own_integration() -> None:
    steps = {step.name: step for step in frameworks.measured()}

    chain = steps["langchain: prompt, model, parser"]
    model = steps["langchain: a model"]
    assert 0 < model.by_sdk < 80
    assert 0 < model.by_framework < chain.by_framework
    assert steps["mcp: a session with one tool call"].by_sdk < 20 < chain.by_sdk
    assert f"{chain.by_framework:,}" in table_of_frameworks(list(steps.values()))
