"""A collector on a disk of 64 MB that really is full; run by ``test_full_disk`` as a process.

Alone in a mount namespace of its own, where a user may mount a tmpfs: nobody else sees it. Prints
what happened, as JSON.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from llmtrace.collector import Collector
from llmtrace.collector.disk import DiskGuard
from llmtrace.config import load_settings
from llmtrace.errors import LlmtraceError
from llmtrace.spool import SegmentWriter
from llmtrace.store import open_store
from tests.collector.clients import call
from tests.faults.doors import Door, Said, Watched, send
from tests.otlp.otlp_requests import request, span

BALLAST = 32 * 1024 * 1024
SPANS = 10
MOST_BATCHES = 300
PATIENCE_S = 30


class Sender:
    """Sends batches of half a megabyte, and knows which spans were acknowledged."""

    def __init__(self) -> None:
        self._next = 1
        self.acked: set[int] = set()

    def batch(self) -> tuple[set[int], bytes]:
        ids = set(range(self._next, self._next + SPANS))
        self._next += SPANS
        body = random.randbytes(25_000).hex()
        attributes = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": body}
        return ids, request(*(span(number, attributes, trace=number) for number in ids))

    def send(self, collector: Collector, door: Door = "protobuf") -> Said:
        ids, payload = self.batch()
        said = send(collector, door, payload)
        if said.verdict == "taken":
            self.acked |= ids
        return said

    def until(self, verdict: str, collector: Collector, door: Door = "protobuf") -> Said | None:
        """Send until that is said, in time and before the disk could have been filled twice."""
        deadline = time.monotonic() + PATIENCE_S
        for _ in range(MOST_BATCHES):
            said = self.send(collector, door)
            if said.verdict == verdict:
                return said
            if time.monotonic() > deadline:
                break
            time.sleep(0.005)
        return None


def full(disk: Path) -> dict[str, Any]:
    """Fill the disk and make room, twice: under a collector that goes on, and one that ends."""
    home, ballast = disk / "home", disk / "ballast"
    home.mkdir()
    sender = Sender()
    return {
        "went on": went_on(home, ballast, sender),
        "ended": ended(home, ballast, sender),
    }


def went_on(home: Path, ballast: Path, sender: Sender) -> dict[str, Any]:
    ballast.write_bytes(bytes(BALLAST))
    guard = DiskGuard(home, min_free_bytes=0)
    told: dict[str, Any] = {}
    with Collector(load_settings({}, home=home), port=0, grpc_port=0, disk=guard) as collector:
        watched = Watched(collector, home)
        told["http"] = sender.until("again", collector)
        told["grpc"] = sender.until("again", collector, "grpc")
        told["healthz"] = call(collector.url, "GET", "/healthz").status
        told["readable"] = len(watched.counted()) == 1
        ballast.unlink()
        told["took again"] = sender.until("taken", collector) is not None
        told["stored again"] = _caught_up(watched)
        told["figures"] = watched.figures()
        told["stored"] = watched.counted()
    told["acked"] = len(sender.acked)
    with open_store(home) as store:
        told["reopened"] = store.sql("select count(*)::int as n from llm_calls").to_pylist()[0]["n"]
    return told


def ended(home: Path, ballast: Path, sender: Sender) -> dict[str, Any]:
    """End a collector on a full disk, start another there, and one when there is room."""
    ballast.write_bytes(bytes(shutil.disk_usage(home).free * 3 // 4))
    guard = DiskGuard(home, min_free_bytes=0)
    with Collector(load_settings({}, home=home), port=0, disk=guard) as collector:
        became_full = sender.until("again", collector) is not None
    try:
        with Collector(load_settings({}, home=home), port=0, disk=guard) as collector:
            while_full = sender.send(collector).verdict
    except LlmtraceError as error:
        while_full = str(error)
    ballast.unlink()
    with Collector(load_settings({}, home=home), port=0, disk=guard) as collector:
        watched = Watched(collector, home)
        _caught_up(watched)
        stored = watched.counted()
    return {
        "became full": became_full,
        "while full": while_full,
        "stored": stored,
        "acked": len(sender.acked),
    }


def read_only(disk: Path) -> dict[str, str]:
    """Try everything on a disk that is mounted for reading only."""
    home = disk / "home"
    with open_store(home) as store:
        store.sql("select 1")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)  # noqa: S607  # wherever it is
    return {
        "collector": _refused(lambda: Collector(load_settings({}, home=home), port=0).start()),
        "reader": _refused(lambda: open_store(home).sql("select 1")),
        "app": _refused(
            lambda: SegmentWriter(home / "spool", now_ns=lambda: 1, pid=1).append(b"x")
        ),
    }


def _caught_up(watched: Watched) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not watched.refreshed():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _refused(attempt: Any) -> str:
    try:
        attempt()
    except LlmtraceError as error:
        return f"{type(error).__name__}: {error}"
    return "it went through"


def main() -> None:
    disk = Path(sys.argv[1])
    done = read_only(disk) if sys.argv[2] == "read-only" else full(disk)
    sys.stdout.write(json.dumps(done))
    sys.stdout.flush()
    os._exit(0)  # the disk is gone with the process; nothing on it is to be tidied up


if __name__ == "__main__":
    main()
