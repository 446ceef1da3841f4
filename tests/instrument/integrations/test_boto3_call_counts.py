"""What is added to boto3's calls on the caller's thread, counted in function calls: exact."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PER_CALL = 80
PIECES = 40
"""The streamed answer has fewer events; each adds two calls."""
PER_OTHER_SERVICE = 12


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Return what a fresh process counts, by case."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LLMTRACE_", "OTEL_", "COV"))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.instrument.integrations.boto3_calls",
         str(tmp_path_factory.mktemp("home"))],
        env={**clean, "PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, check=True,
        timeout=120,
    )  # fmt: skip
    counted: dict[str, int] = json.loads(done.stdout)
    return counted


@pytest.mark.parametrize("case", ["converse", "invoke"])
def test_a_call_of_bedrock_gains_few_calls(added: dict[str, int], case: str) -> None:
    assert 10 < added[case] <= PER_CALL


def test_a_stream_gains_two_calls_a_piece(added: dict[str, int]) -> None:
    assert added["stream"] <= PER_CALL + 2 * PIECES


def test_a_call_of_another_service_gains_next_to_nothing(added: dict[str, int]) -> None:
    assert added["other service"] <= PER_OTHER_SERVICE
