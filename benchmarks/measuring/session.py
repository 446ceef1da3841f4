"""The parent's side: starts a worker per tool, asks them in turn, collects what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from benchmarks.measuring import peers
from benchmarks.measuring.figures import paired

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.measuring.figures import Paired

CALLER: Final = (
    "chat",
    "chat, 200 KB prompt",
    "chat, tools",
    "message",
    "message, SDK's own span off",
    "first chunk",
    "stream, openai",
    "stream, anthropic",
    "stream, bytes only",
    "embeddings",
    "embeddings, not parsed",
    "async, 100 tasks",
)
_SLOW_S: Final = 3.0
PLAN: Final = (
    *((case, "record") for case in CALLER),
    *(("chat", mode) for mode in ("ratio_0", "always_off", "spool", "otlp")),
    ("chat, 200 KB prompt", "spool"),
    ("chat, 200 KB prompt", "otlp"),
)
"""(case, mode) in the order in which a round goes through them."""


class Worker:
    """One tool's process."""

    def __init__(self, tool: str, python: str, sink_url: str) -> None:
        """Start it and wait until it has loaded its tool."""
        environment = {**os.environ, "PYTHONPATH": str(peers.ROOT), "PYTHONHASHSEED": "0"}
        environment = {
            k: v for k, v in environment.items() if not k.startswith(("LLMTRACE_", "OTEL_"))
        }
        self.python = python
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.measuring.worker", tool, sink_url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
            cwd=peers.ROOT,
        )  # fmt: skip
        self.versions: dict[str, str] = self._read()["versions"]

    def ask(self, **question: str) -> dict[str, Any]:
        """Put one question and wait for the answer."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps(question) + "\n")
        stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the process."""
        with self._process:  # closes the pipes, which ends it, and waits
            pass

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended with {self._process.wait()}")
        return json.loads(line)


@dataclass(slots=True)
class Result:
    """What one tool did in one case."""

    rounds: list[list[float]] = field(default_factory=list[list[float]])
    calls: list[list[int]] | None = None
    problem: str | None = None
    is_slow: bool = False

    @property
    def times(self) -> Paired | None:
        """The figures, None if there are none."""
        return paired(self.rounds) if self.rounds else None

    @property
    def added_calls(self) -> tuple[int, int] | None:
        """(Python, C) function calls added to one run."""
        if self.calls is None:
            return None
        before, on, _ = self.calls
        return on[0] - before[0], on[1] - before[1]


class Session:
    """All workers and all results."""

    def __init__(self, wanted: Sequence[str], workdir: Path, sink_url: str) -> None:
        """Start llmtrace's worker and those of ``wanted``; what cannot be had is noted."""
        self.workers: dict[str, Worker] = {}
        self.missing: dict[str, str] = {}
        self.results: dict[tuple[str, str, str], Result] = {}
        self.workers["llmtrace"] = Worker("llmtrace", sys.executable, sink_url)
        for peer in ("otel-span", *wanted):
            try:
                python = peers.interpreter(peer, workdir)
            except peers.PeerError as error:
                self.missing[peer] = str(error)
                if peer != "otel-span":
                    continue
                python = sys.executable  # measured all the same, but for its exporter
            self.workers[peer] = Worker(peer, python, sink_url)

    def run(self, rounds: int, plan: Sequence[tuple[str, str]] = PLAN) -> None:
        """Count once, then measure: each round asks every worker for every case."""
        for case, mode in plan:
            for tool, worker in self.workers.items():
                result = self.results[tool, case, mode] = Result()
                answer = worker.ask(do="count", case=case, mode=mode)
                result.calls = answer.get("calls")
                result.problem = _problem(answer)
        for number in range(rounds):
            print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
            for case, mode in plan:
                for tool in self.workers:
                    self._round(number, tool, case, mode)
        print(file=sys.stderr)

    def _round(self, number: int, tool: str, case: str, mode: str) -> None:
        """Ask for one round; what takes long takes part in every fifth only."""
        result = self.results[tool, case, mode]
        if result.problem is not None or (result.is_slow and number % 5):
            return
        started = time.monotonic()
        answer = self.workers[tool].ask(do="round", case=case, mode=mode)
        result.is_slow = time.monotonic() - started > _SLOW_S
        result.problem = _problem(answer)
        if result.problem is None:
            result.rounds.append(answer["ns"])

    def __enter__(self) -> Self:
        """Nothing more to start."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the workers."""
        for worker in self.workers.values():
            worker.close()


def _problem(answer: dict[str, Any]) -> str | None:
    return "–" if answer.get("absent") else answer.get("error")
