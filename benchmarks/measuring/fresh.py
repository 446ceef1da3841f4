"""What ``import`` and ``instrument()`` cost a fresh process: CPU, resident memory, modules.

Each run is a process of its own; the first one only fills the bytecode cache. What is put off to
the first recorded call is measured too: it is paid once, in the background thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Final

from benchmarks.measuring.figures import Figure, figure
from benchmarks.measuring.peers import ROOT

_PROGRAM: Final = """
import gc, json, sys, time
{before}
def resident_mb():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * {page} / 1e6
{call}
modules, memory, started = len(sys.modules), resident_mb(), time.process_time()
{measured}
spent = time.process_time() - started
print(json.dumps([spent * 1000, resident_mb() - memory, len(sys.modules) - modules]))
"""
_SDKS: Final = "import openai, anthropic"
_CLIENT: Final = """
from benchmarks.measuring.workload import cases
chat = cases()["chat"]
chat.run(20)
"""
INSTRUMENT: Final = {
    "llmtrace": "import llmtrace; llmtrace.instrument(home={home!r})",
    "otel-genai": (
        "from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor as A\n"
        "from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor as B\n"
        "A().instrument(); B().instrument()"
    ),
    "openinference": (
        "from openinference.instrumentation.openai import OpenAIInstrumentor as A\n"
        "from openinference.instrumentation.anthropic import AnthropicInstrumentor as B\n"
        "A().instrument(); B().instrument()"
    ),
}
"""Tool → its import and its one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One way of starting."""

    tool: str
    after: str
    cpu_ms: Figure
    rss_mb: Figure
    modules: int


def starts(tool: str, python: str, runs: int) -> list[Start]:
    """Measure ``tool`` with the SDKs imported before, and (ours) without and to the first span."""
    with tempfile.TemporaryDirectory(prefix="llmtrace-bench-") as folder:
        line = INSTRUMENT[tool].format(home=folder + "/home")
        otel = "import opentelemetry.sdk.trace, opentelemetry.sdk.trace.export\n"
        ways = [("openai, anthropic", _SDKS, "", line)]
        if tool == "llmtrace":
            ways.append(("nothing", "", "", line))
            recorded = f"{line}\nchat.run(1)\nllmtrace.flush(30)"
            ways.append(("the same, to the first span written", _SDKS, _CLIENT, recorded))
        else:
            ways = [("openai, anthropic, OTel SDK", otel + _SDKS, "", line)]
        return [
            _start(tool, after, python, folder, before, call, measured, runs=runs)
            for after, before, call, measured in ways
        ]


def _start(
    tool: str, after: str, python: str, folder: str, before: str, call: str, measured: str, *,
    runs: int,
) -> Start:  # fmt: skip
    program = _PROGRAM.format(
        before=before, call=call, measured=measured, page=os.sysconf("SC_PAGE_SIZE")
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": f"{folder}/pyc",
        "PYTHONDONTWRITEBYTECODE": "",
    }
    found: list[list[float]] = []
    for _ in range(runs + 1):
        done = subprocess.run(
            [python, "-W", "ignore", "-c", program],
            env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{tool}: {done.stderr.strip()[-500:]}")
        found.append(json.loads(done.stdout))
    cpu, memory, modules = zip(*found[1:], strict=True)
    return Start(
        tool=tool, after=after, cpu_ms=figure(cpu), rss_mb=figure(memory), modules=int(modules[-1])
    )


if __name__ == "__main__":
    for start in starts("llmtrace", sys.executable, 5):
        print(start)
