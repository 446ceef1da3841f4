"""kill -9 of the collector under load: every acknowledged span is there, once.

The rounds are those of ``benchmarks/kill.py``, which makes 200 of them.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from benchmarks.kill import BrokenPromiseError, Killer
from llmtrace.store import open_store
from llmtrace.store.discovery import find_collector
from tests.collector.clients import send
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path


def a_process(home: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "llmtrace", "collector", f"--home={home}", "--port=0", "--no-grpc"],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LLMTRACE_TOKEN": ""},
    )
    deadline = time.monotonic() + 30
    while True:
        found = find_collector(home)
        if found is not None and found.pid == process.pid:
            return process
        assert process.poll() is None, "the collector did not start"
        assert time.monotonic() < deadline, "the collector did not answer in time"
        time.sleep(0.02)


@pytest.mark.timeout(180)
def test_every_acknowledged_span_survives_sigkill_exactly_once(tmp_path: Path) -> None:
    # given: a collector that is killed twice under load and once while it starts
    killer = Killer(tmp_path, seed=random.randrange(10**6), life_s=(0.3, 0.8), starting_every=2)

    # when, then: it raises if a span that was acknowledged is not there once
    killer.run(3)
    assert set(killer.ledger.acked.values()) == {"http", "grpc", "spool"}
    assert killer.found.killed_while_starting == 1

    # and it would have noticed
    killer.ledger.acked[10**6] = "http"
    with pytest.raises(BrokenPromiseError, match="1 acked batches lost"):
        killer.check()


@pytest.mark.timeout(60)
def test_sigterm_stores_what_was_acknowledged_and_exits_cleanly(tmp_path: Path) -> None:
    process = a_process(tmp_path)
    url = json.loads((tmp_path / "collector.json").read_text())["url"]
    for number in range(1, 30):
        assert send(url, request(span(number))).status == 200

    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == 0
    assert not (tmp_path / "collector.json").exists()
    assert open_store(tmp_path).sql("from llm_calls").num_rows == 29
