"""What llmtrace does to a process that runs for long: memory over many calls, and an outage.

    python benchmarks/endurance.py --leak     # 100 000 calls: is the memory flat?
    python benchmarks/endurance.py --outage   # an hour at 50 calls a second with no collector

Without an option both run, a tenth as long. The real SDK runs on an in-process transport, with
2 KB of content a call. The outage's hour is played as fast as the calls can be made; then a real
collector is started, in a process of its own, and everything must arrive there, once.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2
import openai

import llmtrace
from llmtrace.instrument import runtime

CALLS_PER_S = 50
WARM_UP = 2_000
FLAT_BYTES = 3_000_000
MAY_GROW_BYTES = 20_000_000
_WORDS = "The parcel left the depot on Tuesday, and nobody has seen it since then. "
_ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
    "choices": [
        {
            "index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": (_WORDS * 20)[:700]},
        }
    ],
    "usage": {
        "prompt_tokens": 420, "completion_tokens": 160, "total_tokens": 580,
        "prompt_tokens_details": {"cached_tokens": 128},
        "completion_tokens_details": {"reasoning_tokens": 40},
    },
}  # fmt: skip
_BODY = json.dumps(_ANSWER).encode()
_HEADERS = {"content-type": "application/json", "x-request-id": "req_1", "x-ratelimit-limit": "9"}


def main() -> None:
    """Run what was asked for; end with an error where a figure is not reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--leak", action="store_true", help="100 000 calls")
    parser.add_argument("--outage", action="store_true", help="an hour at 50 calls/s")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    share = 1.0 if chosen.leak or chosen.outage else 0.1
    report: dict[str, Any] = {
        "machine": f"{os.cpu_count()} CPUs, Python {platform.python_version()}"
    }
    with tempfile.TemporaryDirectory() as place:
        if chosen.leak or share < 1:
            report["leak"] = leak(Path(place, "leak"), int(100_000 * share))
        if chosen.outage or share < 1:
            report["outage"] = outage(Path(place, "outage"), int(3_600 * share))
    if chosen.json:
        print(json.dumps(report))
        return
    print(report.pop("machine"))
    for title, figures in report.items():
        print(f"\n{title}")
        for name, value in figures.items():
            print(f"  {name:<34} {value:>14,}")


def leak(home: Path, calls: int) -> dict[str, float]:
    """Make ``calls`` calls; the memory after each tenth of them must be that after the first."""
    llmtrace.instrument(home=home, max_spool_bytes=20_000_000)
    ask = _asker()
    _make(ask, WARM_UP)
    levels = []
    started = time.monotonic()
    for _ in range(10):
        _make(ask, calls // 10)
        assert llmtrace.flush(60)
        gc.collect()
        levels.append(_rss_bytes())
    seconds = time.monotonic() - started
    llmtrace.uninstrument()
    grown = levels[-1] - levels[0]
    assert grown < FLAT_BYTES, f"memory grew by {grown} bytes: {levels}"
    return {
        "calls": calls,
        "seconds": round(seconds, 1),
        "RSS after the first tenth, KB": levels[0] // 1_000,
        "RSS after the last, KB": levels[-1] // 1_000,
    }


def outage(home: Path, seconds: int) -> dict[str, float]:
    """Play ``seconds`` of calls with the endpoint down; then bring it up and count."""
    port = _free_port()
    llmtrace.instrument(home=home / "app", endpoint=f"http://127.0.0.1:{port}")
    ask = _asker()
    _make(ask, WARM_UP)
    llmtrace.flush(0.5)
    gc.collect()
    before = highest = _rss_bytes()
    started = time.monotonic()
    for _ in range(seconds):
        _make(ask, CALLS_PER_S)
        highest = max(highest, _rss_bytes())
    down_s = time.monotonic() - started
    calls = seconds * CALLS_PER_S + WARM_UP
    waiting = sum(path.stat().st_size for path in home.rglob("*.seg"))
    cpu_s, started = time.process_time(), time.monotonic()
    collector = _start_collector(home / "collector", port)
    try:
        while not llmtrace.flush(5):
            highest = max(highest, _rss_bytes())
            assert time.monotonic() - started < 900, "the collector did not get everything"
        sent_s, cpu_s = time.monotonic() - started, time.process_time() - cpu_s
        highest = max(highest, _rss_bytes())
    finally:
        collector.terminate()
        collector.wait(120)
    dropped = +runtime.active.pipeline.dropped if runtime.active else {}
    llmtrace.uninstrument()
    assert not dropped, f"dropped: {dropped}"
    from llmtrace.store import open_store  # noqa: PLC0415  # not before the memory is measured

    with open_store(home / "collector") as store:
        query = "select count(*) as n, count(distinct span_id) as ids from llm_calls"
        (counted,) = store.sql(query).to_pylist()
    assert counted == {"n": calls, "ids": calls}, f"{calls} calls were made, stored: {counted}"
    grown = highest - before
    assert grown < MAY_GROW_BYTES, f"memory grew by {grown} bytes"
    return {
        "simulated outage, s": seconds,
        "calls made and stored once": calls,
        "real time of the outage, s": round(down_s, 1),
        "waiting on disk, MB": round(waiting / 1e6, 1),
        "time to deliver, s": round(sent_s, 1),
        "CPU of the app to deliver, s": round(cpu_s, 1),
        "app's highest RSS growth, KB": grown // 1_000,
    }


def _asker() -> Any:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=_HEADERS, content=_BODY)

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    client = openai.OpenAI(api_key="none", http_client=http)
    messages: Any = [
        {"role": "system", "content": "You help people to find their parcels."},
        {"role": "user", "content": (_WORDS * 40)[:1_300]},
    ]
    return lambda: client.chat.completions.create(model="gpt-5-mini", messages=messages)


def _make(ask: Any, calls: int) -> None:
    """Make calls as fast as they go, with a rest in which other threads run, as apps have."""
    for number in range(calls):
        with llmtrace.attribute(user=f"u{number % 50}", feature="parcels"):
            ask()
        if number % CALLS_PER_S == 0:
            time.sleep(0.01)


def _rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _start_collector(home: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "llmtrace", "collector", "--home", str(home)]
    return subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
