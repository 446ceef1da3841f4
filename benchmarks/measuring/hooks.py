"""What llmtrace's own code on the calling thread takes, with nothing of an SDK around it.

Two functions of openai's base client are replaced by ones that do nothing, then instrumented as
always. What a real call adds beyond this is not code of ours: it is that code arriving cold in the
processor's caches after half a millisecond of SDK, and memory that is kept a moment longer.
Run as a process of its own (it spoils the SDK): ``python -m benchmarks.measuring.hooks``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, Final

from benchmarks.measuring.peers import ROOT

_CALLS: Final = 200
_MODES: Final[dict[str, dict[str, Any]]] = {
    "recorded": {},
    "sampled out": {"sample_ratio": 0.0},
}


def measured() -> dict[str, float]:
    """Return microseconds added to a call, by mode; measured in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.measuring.hooks"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT,
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def main() -> None:
    """Measure and print as JSON."""
    client = _idle_client()
    import llmtrace  # noqa: PLC0415  # patches what _idle_client has put in place

    base = _median_us(client)
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as home:
        for mode, settings in _MODES.items():
            llmtrace.instrument(home=home, **settings)
            _median_us(client, rounds=2)
            found[mode] = _median_us(client) - base
            llmtrace.uninstrument()
    print(json.dumps(found))


def _idle_client() -> Any:
    """Return an openai client whose requests do nothing but ask for their response's reading."""
    import httpx2  # noqa: PLC0415  # in the process that measures only
    import openai  # noqa: PLC0415  # as above
    from openai import _base_client  # noqa: PLC0415  # as above

    sent = httpx2.Request("POST", "https://api.openai.com/v1/chat/completions", content=b"x" * 2000)
    headers = {"content-type": "application/json"}
    response = httpx2.Response(200, headers=headers, content=b"{}" * 400, request=sent)
    kind: Any = _base_client.SyncAPIClient
    kind._process_response = lambda _, **kwargs: kwargs["response"]  # noqa: SLF001  # see above
    kind.request = lambda self, *_: self._process_response(response=response, retries_taken=0)
    return openai.OpenAI(api_key="none")


class _Options:
    method = "post"
    url = "/chat/completions"
    json_data: Final = {"model": "gpt-5-mini"}


def _median_us(client: Any, rounds: int = 40) -> float:
    options = _Options()
    times: list[float] = []
    for _ in range(rounds):
        started = time.thread_time_ns()
        for _ in range(_CALLS):
            client.request(dict, options)
        times.append((time.thread_time_ns() - started) / _CALLS / 1_000)
    return statistics.median(times)


if __name__ == "__main__":
    main()
