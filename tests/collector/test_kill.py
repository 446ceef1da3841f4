"""kill -9 of the collector under load: every acknowledged span is there, once."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from llmtrace.store import open_store
from llmtrace.store.discovery import find_collector
from tests.collector.clients import send
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 3
CLIENTS = 3
SPANS_PER_REQUEST = 20


class Load:
    """Clients that send until the collector is gone, and the ledger of what it acknowledged."""

    def __init__(self, url: str, first: int) -> None:
        self._url = url
        self._next = first
        self._lock = threading.Lock()
        self.acked: set[int] = set()
        self.sent: set[int] = set()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while True:
            with self._lock:
                ids = set(range(self._next, self._next + SPANS_PER_REQUEST))
                self._next += SPANS_PER_REQUEST
                self.sent |= ids
            try:
                answer = send(self._url, request(*(span(number) for number in sorted(ids))))
            except (OSError, http.client.HTTPException):
                return
            assert answer.status == 200
            with self._lock:
                self.acked |= ids

    def join(self) -> None:
        for thread in self._threads:
            thread.join(30)


def a_process(home: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "llmtrace", "collector", "--home", str(home), "--port", "0"],
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
    chance = random.Random()
    acked: set[int] = set()
    sent: set[int] = set()
    for _ in range(ROUNDS):
        process = a_process(tmp_path)
        url = json.loads((tmp_path / "collector.json").read_text())["url"]
        load = Load(url, first=max(sent, default=0) + 1)
        while len(load.acked) < 200:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.6))
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        load.join()
        acked |= load.acked
        sent |= load.sent

    rows = open_store(tmp_path).sql("select span_id from spans", max_rows=None)

    stored = [int(value) for value in rows.column("span_id").to_pylist()]
    assert len(stored) == len(set(stored))
    assert acked <= set(stored) <= sent
    assert len(acked) >= ROUNDS * 200


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
