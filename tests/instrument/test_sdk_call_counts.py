"""What every integration adds to a call on the caller's thread, in function calls.

The limits are data: one for all, and what an SDK with a longer way to its answer may have beyond.
``test_call_counts`` holds openai and anthropic to less, on a transport without a network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.instrument.contract.apis import discovered
from tests.instrument.counting import WORDS

if TYPE_CHECKING:
    from tests.instrument.contract.apis import Api

ROOT = Path(__file__).resolve().parents[2]
LIMITS = {
    "plain": 80,
    "async": 92,
    "stream": 100,
    "chunk": 3,
    "not sampled": 50,
    "bystander": 5,
}
"""Kind of call → function calls that may be added; ``stream`` is a stream beside its chunks.

Of an async call some are no calls: each wait for the network resumes our two frames once more."""
BEYOND = {"xai": {"chunk": 2}}
"""SDK → kind of call → what more may be added: gRPC shows no bytes, chunks are made bytes again."""
WAIT = 39
"""Calls that one more wait for the socket takes: how often a stream waits is the network's."""
APIS: tuple[Api, ...] = discovered("APIS")
BYSTANDERS = (
    "boto3: S3",
    "httpx: sync",
    "httpx: async",
    "httpx2: sync",
    "httpx2: async",
    "aiohttp",
)


def counted(home: Path, whom: str, sdk: str = "") -> dict[str, dict[str, int]]:
    """Count all cases of one SDK, in a process of its own."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("LLMTRACE_", "OTEL_", "COV"))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.instrument.counting", str(home), whom],
        env={**keep, "PYTHONPATH": str(ROOT), "CONTRACT_SDKS": sdk},
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout)


def added(case: dict[str, int], mode: str = "recorded") -> int:
    """Return how many calls llmtrace adds in that mode."""
    return case[mode] - max(case["before"], case["after"])


def limit(sdk: str, kind: str) -> int:
    """Return how many calls an SDK's kind of call may have added."""
    return LIMITS[kind] + BEYOND.get(sdk, {}).get(kind, 0)


def per_chunk(short: dict[str, int], long: dict[str, int]) -> float:
    """Return what a chunk adds: two streams differ by nothing else."""
    chunks = long["chunks"] - short["chunks"]
    return (added(long) - added(short) - 2 * WAIT) / chunks


def measured(api: Api, cases: dict[str, dict[str, int]]) -> dict[str, float]:
    """Return what each kind of call of the API adds, by the name of its limit."""
    plain = cases[f"{api.id}: plain"]
    found: dict[str, float] = {"plain": added(plain), "not sampled": added(plain, "not sampled")}
    if f"{api.id}: async" in cases:
        found["async"] = added(cases[f"{api.id}: async"])
    if f"{api.id}: stream of {WORDS[0]}" in cases:
        short, long = (cases[f"{api.id}: stream of {words}"] for words in WORDS)
        found["chunk"] = per_chunk(short, long)
        found["stream"] = added(short) - limit(api.sdk.name, "chunk") * short["chunks"] - 2 * WAIT
    return found


@pytest.mark.slow
@pytest.mark.timeout(260)
@pytest.mark.parametrize("sdk", sorted({api.sdk.name for api in APIS}))
def test_no_call_of_an_sdk_adds_more_than_its_limit(sdk: str, tmp_path: Path) -> None:
    cases = counted(tmp_path, "sdks", sdk)

    found = {api.id: measured(api, cases) for api in APIS if api.sdk.name == sdk}
    too_much = [
        f"{name}: {kind} adds {calls:g}, {limit(sdk, kind)} are allowed"
        for name, kinds in found.items()
        for kind, calls in kinds.items()
        if calls > limit(sdk, kind)
    ]
    assert found
    assert too_much == []
    assert all(case["recorded"] != case["before"] for case in cases.values())


def test_requests_that_are_none_of_ours_pay_a_handful(tmp_path: Path) -> None:
    cases = counted(tmp_path, "bystanders")

    assert sorted(cases) == sorted(BYSTANDERS)
    assert {n: added(c) for n, c in cases.items() if added(c) > LIMITS["bystander"]} == {}
