"""``llmtrace up`` with real processes: what is killed comes back, what was acked is stored."""

from __future__ import annotations

import json
import os
import re
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
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)


class Up:
    """A running ``llmtrace up`` and what it said."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "llmtrace", "up", "--home", str(home), *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "LLMTRACE_TOKEN": ""},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(iter(self.process.stderr.readline, ""))

    def pids(self, name: str) -> list[int]:
        found = [re.search(rf"{name} started as process (\d+)", line) for line in self.lines]
        return [int(match[1]) for match in found if match]

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(60)
        self._reader.join(10)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def collecting(home: Path, pid: int) -> bool:
    found = find_collector(home)
    return found is not None and found.pid == pid


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_collector_comes_back_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    up = Up(tmp_path, "--port", "0", "--no-grpc", "--no-dashboard")
    try:
        until(lambda: len(up.pids("collector")) == 1, "no start")
        first = up.pids("collector")[0]
        until(lambda: collecting(tmp_path, first), "the first does not answer")
        url = json.loads((tmp_path / "collector.json").read_text())["url"]
        assert send(url, request(span(1))).status == 200

        os.kill(first, signal.SIGKILL)
        until(lambda: len(up.pids("collector")) == 2, "no second start")
        second = up.pids("collector")[1]
        until(lambda: collecting(tmp_path, second), "the second does not answer")
        url = json.loads((tmp_path / "collector.json").read_text())["url"]
        assert send(url, request(span(2))).status == 200
    finally:
        code = up.end()

    assert code == 0
    assert not lives(second)
    assert not (tmp_path / "collector.json").exists()
    assert open_store(tmp_path).sql("from llm_calls").num_rows == 2
    text = "".join(up.lines)
    assert "collector ended by signal 9; it is started again in 0.5 s" in text
    assert re.search(r"collector \| .*OTLP/HTTP at http://127.0.0.1:\d+/v1/traces", text)


def test_the_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    up = Up(tmp_path, "--port", "0", "--no-grpc", "--no-dashboard")
    until(lambda: len(up.pids("collector")) == 1, "no start")
    child = up.pids("collector")[0]
    until(lambda: collecting(tmp_path, child), "it does not answer")

    up.process.kill()
    up.process.wait(10)

    until(lambda: not (tmp_path / "collector.json").exists(), "the collector outlives us")
    up.end()


def test_a_wrong_setting_is_told_once_and_ends_it_with_exit_code_2(tmp_path: Path) -> None:
    up = Up(tmp_path, "--host", "0.0.0.0", "--port", "0", "--no-grpc", "--no-dashboard")  # noqa: S104  # refused

    code = up.process.wait(60)
    up.end()

    assert code == 2
    assert len(up.pids("collector")) == 1
    assert any(line.startswith("collector |") and "set LLMTRACE_TOKEN" in line for line in up.lines)


def test_the_pages_are_served_beside_it_and_come_back_too(tmp_path: Path) -> None:
    pytest.importorskip("streamlit")
    up = Up(tmp_path, "--port", "0", "--no-grpc", "--dashboard-port", "0")
    try:
        until(lambda: any("llmtrace dashboard: http" in line for line in up.lines), "no pages")
        collector, pages = up.pids("collector")[0], up.pids("dashboard")[0]

        os.kill(pages, signal.SIGKILL)
        until(
            lambda: sum("llmtrace dashboard: http" in line for line in up.lines) == 2,
            "the pages do not come back",
        )
        assert collecting(tmp_path, collector)
        again = up.pids("dashboard")[1]
    finally:
        code = up.end()

    assert code == 0, up.lines
    assert not lives(again)
    assert not lives(collector)
