"""What is added to a call on the caller's thread, counted in function calls: exact, without noise.

The real SDK clients of the benchmark make each call once without and once with llmtrace, in a fresh
process, where no other test, no coverage and no debugger adds calls of its own. Times are for
``benchmarks/overhead.py``; these counts are what CI holds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.measuring.workload import CHUNKS, TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
PER_CALL = 60
WAKING = 2
"""Of those, what the call that wakes the background thread adds: one in 30 ms does."""
PER_CHUNK = 2
PER_STREAM = 100
"""What a stream costs beside its chunks: opening it, and ending it."""


@pytest.fixture(scope="module")
def count() -> Iterator[Callable[..., list[list[int]]]]:
    """Return a function that counts a case: [Python, C] calls before, with and after llmtrace."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LLMTRACE_", "OTEL_", "COV"))}
    worker = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.measuring.worker", "llmtrace", "http://127.0.0.1:9"],
        env={**clean, "PYTHONPATH": str(ROOT)}, cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdout.readline()  # its versions
    asked: dict[tuple[str, str], list[list[int]]] = {}

    def ask(case: str, mode: str = "record") -> list[list[int]]:
        if (case, mode) not in asked:
            print(json.dumps({"do": "count", "case": case, "mode": mode}), file=worker.stdin)
            worker.stdin.flush()  # type: ignore[union-attr]  # asserted above
            answer: Any = json.loads(worker.stdout.readline())  # type: ignore[union-attr]  # as above
            asked[case, mode] = answer["calls"]
        return asked[case, mode]

    yield ask
    with worker:  # closes the pipes, which ends it, and waits
        pass


def added(counted: list[list[int]]) -> int:
    """Return how many calls llmtrace adds, Python's and C's."""
    before, with_llmtrace, _ = counted
    return sum(with_llmtrace) - sum(before)


@pytest.mark.parametrize("case", ["chat", "message, SDK's own span off"])
def test_a_call_adds_at_most_sixty_function_calls(count: Any, case: str) -> None:
    assert 0 < added(count(case)) <= PER_CALL - WAKING


def test_a_message_costs_less_than_the_span_that_the_sdk_leaves_out(count: Any) -> None:
    assert added(count("message")) <= 0


def test_a_prompt_of_200_kb_adds_no_more_than_a_short_one(count: Any) -> None:
    assert added(count("chat, 200 KB prompt")) <= added(count("chat")) + WAKING


def test_tools_add_no_more_than_text(count: Any) -> None:
    assert added(count("chat, tools")) <= added(count("chat")) + WAKING


def test_vectors_are_not_looked_at(count: Any) -> None:
    assert added(count("embeddings, not parsed")) <= added(count("chat")) + WAKING


@pytest.mark.parametrize("case", ["stream, openai", "stream, anthropic", "stream, bytes only"])
def test_a_chunk_adds_at_most_two_function_calls(count: Any, case: str) -> None:
    assert added(count(case)) <= PER_CHUNK * (CHUNKS + 1) + PER_STREAM


def test_what_comes_before_the_first_chunk_adds_no_more_than_a_stream_without_chunks(
    count: Any,
) -> None:
    assert added(count("first chunk")) <= PER_STREAM


def test_an_async_call_adds_as_little_as_a_plain_one(count: Any) -> None:
    assert added(count("async, 100 tasks")) <= (PER_CALL + 4) * TASKS


@pytest.mark.parametrize(
    ("mode", "limit"), [("ratio_0", 20), ("always_off", 50)], ids=["ratio_0", "apps_sampler"]
)
def test_a_call_that_is_not_sampled_adds_next_to_nothing(count: Any, mode: str, limit: int) -> None:
    assert 0 < added(count("chat", mode)) <= limit


@pytest.mark.parametrize("case", ["chat", "message", "stream, openai", "async, 100 tasks"])
def test_nothing_of_ours_is_in_the_way_after_uninstrument(count: Any, case: str) -> None:
    before, _, after = count(case)

    assert after == before
