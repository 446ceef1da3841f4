"""A package that can be called, whatever was imported before it."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "imports",
    [
        "import llmtrace",
        "import llmtrace.instrument.attribution, llmtrace.replay.plan",
        "from llmtrace import instrument, replay; import llmtrace.instrument, llmtrace.replay",
        "import importlib; llmtrace = importlib.import_module('llmtrace')",
    ],
)
def test_instrument_and_replay_are_callable_in_every_order_of_imports(imports: str) -> None:
    program = f"{imports}; import llmtrace; print(callable(llmtrace.instrument))"
    program += "; llmtrace.instrument(); llmtrace.uninstrument(); print(callable(llmtrace.replay))"

    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert (said.stdout.split(), said.stderr) == (["True", "True"], "")
