"""kill -9 of a real collector at random moments under load, again and again over one store.

    python benchmarks/kill.py [--rounds 200] [--quick] [--seed 1]

Two clients send by OTLP/HTTP, one by gRPC, and one writes the spool as an app does. After each kill
a new collector is started on the same store; every fifth kill hits one that is still starting. Then
the store is asked: every acknowledged span is there, each once, and no batch is there in part. Ends
with exit code 1 at the first span that is not. Loopback only, processes of its own only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.measuring.processes import end_when_told
from benchmarks.measuring.senders import SPANS, Ledger, Load
from llmtrace.spool import SegmentWriter
from llmtrace.store import open_store
from llmtrace.store.discovery import find_collector

DEFAULT_ROUNDS = 40
QUICK_ROUNDS = 5
MAX_RESTART_S = 5.0
CHECK_EVERY = 10
_LIFE_S = (0.0, 2.5)
_WHILE_STARTING_S = 1.5
_STARTING_EVERY = 5
_START_TIMEOUT_S = 60.0
_GRPC = "OTLP/gRPC at "


class BrokenPromiseError(AssertionError):
    """A promise that was not kept."""


@dataclass
class Found:
    """What the rounds have shown."""

    rounds: int = 0
    killed_while_starting: int = 0
    restart_s: list[float] = field(default_factory=list)
    """From the start of the process to its first answer."""
    restart_cpu_s: list[float] = field(default_factory=list)
    """Of CPU time, which a busy machine does not stretch as much."""
    caught_up_s: list[float] = field(default_factory=list)
    """From then until all that its predecessor had acknowledged could be queried."""
    checks: int = 0


class Killer:
    """Collectors on one home, one after the other, and what they acknowledged."""

    def __init__(
        self,
        home: Path,
        *,
        seed: int,
        life_s: tuple[float, float] = _LIFE_S,
        starting_every: int = _STARTING_EVERY,
    ) -> None:
        """Kill collectors of ``home`` after ``life_s`` (least, most), at random by ``seed``."""
        self._home = home
        self._draw = random.Random(seed)  # noqa: S311  # when to kill, not a secret
        self._life_s = life_s
        self._starting_every = starting_every
        self._environment = {**os.environ, "LLMTRACE_TOKEN": ""}
        self._process: subprocess.Popen[bytes] | None = None
        self.ledger = Ledger()
        self.found = Found()

    def run(self, rounds: int) -> None:
        """Start, load and kill so often, then look. Raises BrokenPromiseError."""
        try:
            self._run(rounds)
        finally:
            self._kill()

    def _run(self, rounds: int) -> None:
        spool = SegmentWriter(self._home / "spool", now_ns=time.time_ns, pid=os.getpid())
        for number in range(1, rounds + 1):
            if number % self._starting_every == 0:
                self._kill_starting()
            else:
                self._kill_loaded(spool)
            self.found.rounds = number
            if number % CHECK_EVERY == 0:
                print(f"  {number} rounds, {len(self.ledger.acked) * SPANS:,} spans acked")
        spool.close()
        self._start()
        self.check()
        self._end()
        self.check()

    def _kill_starting(self) -> None:
        self._spawn()
        time.sleep(self._draw.uniform(0, _WHILE_STARTING_S))
        self._kill()
        self.found.killed_while_starting += 1

    def _kill_loaded(self, spool: SegmentWriter) -> None:
        grpc_url = self._start()
        started = time.perf_counter()
        with open_store(self._home) as store:
            store.refresh()
        self.found.caught_up_s.append(time.perf_counter() - started)
        if self.found.rounds % CHECK_EVERY == 1:
            self.check()
        url = json.loads((self._home / "collector.json").read_text())["url"]
        load = Load(self.ledger, url=url, grpc_url=grpc_url, spool=spool)
        time.sleep(self._draw.uniform(*self._life_s))
        self._kill()
        load.stop()
        if load.refusals:
            raise BrokenPromiseError(f"refused: {load.refusals[0]}")

    def _start(self) -> str | None:
        """Return, once a collector answers, where it takes gRPC."""
        began = time.perf_counter()
        process = self._spawn()
        while (found := find_collector(self._home)) is None or found.pid != process.pid:
            if process.poll() is not None:
                raise BrokenPromiseError(f"it does not start: {self._log()[-1000:]}")
            if time.perf_counter() - began > _START_TIMEOUT_S:
                raise BrokenPromiseError(f"it does not answer within {_START_TIMEOUT_S:g} s")
            time.sleep(0.01)
        self.found.restart_s.append(time.perf_counter() - began)
        self.found.restart_cpu_s.append(_cpu_s(process.pid))
        line = self._log().partition(_GRPC)[2]
        return line.split()[0].rstrip(",;.") if line else None

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "llmtrace", "collector", "--home", str(self._home)]
        with (self._home / "collector.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--port", "0", "--grpc-port", "0"],
                stderr=log,
                env=self._environment,
            )
        return self._process

    def _log(self) -> str:
        return (self._home / "collector.log").read_text(errors="replace")

    def _kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(30)
            self._process = None

    def _end(self) -> None:
        """Let the collector end as it should."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(60)
        self._process = None
        if code != 0:
            raise BrokenPromiseError(f"the last collector ended with {code}")

    def check(self) -> None:
        """Compare the store with the ledger. Raises BrokenPromiseError."""
        with open_store(self._home) as store:
            store.refresh()
            rows = store.sql(
                "select trace_id, count(*) as spans, count(distinct span_id) as ids "
                "from spans group by all",
                max_rows=None,
            ).to_pylist()
        stored = {
            int(row["trace_id"].replace("-", ""), 16): (row["spans"], row["ids"]) for row in rows
        }
        lost = self.ledger.acked.keys() - stored.keys()
        twice = [number for number, (spans, ids) in stored.items() if spans != ids]
        parts = [number for number, (_, ids) in stored.items() if ids != SPANS]
        if lost or twice or parts or not stored.keys() <= self.ledger.sent:
            raise BrokenPromiseError(
                f"{len(lost)} acked batches lost ({[self.ledger.acked[n] for n in lost][:5]}), "
                f"{len(twice)} doubled, {len(parts)} in part, "
                f"{len(stored.keys() - self.ledger.sent)} that nobody sent"
            )
        self.found.checks += 1


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(killer: Killer) -> str:
    """Return what was found, for people."""
    found, ledger = killer.found, killer.ledger
    ways = sorted(Counter(ledger.acked.values()).items())
    by_way = ", ".join(f"{way} {count * SPANS:,}" for way, count in ways)
    restarts, caught_up = sorted(found.restart_s), sorted(found.caught_up_s)
    in_time = sum(taken < MAX_RESTART_S for taken in restarts)
    return f"""\
{found.rounds} kills, {found.killed_while_starting} of them while it started, over one store; \
compared with the ledger {found.checks} times
acked spans: {len(ledger.acked) * SPANS:,} ({by_way}); \
sent more than once: {ledger.repeated * SPANS:,}
acked and lost: 0; stored twice: 0; batches stored in part: 0
restart to the first answer, s: median {statistics.median(restarts):.2f}, \
longest {restarts[-1]:.2f}; under {MAX_RESTART_S:g} s: {in_time} of {len(restarts)}; \
CPU time of it, s: median {statistics.median(found.restart_cpu_s):.2f}, \
longest {max(found.restart_cpu_s):.2f}
from then until all could be queried, s: median {statistics.median(caught_up):.2f}, \
longest {caught_up[-1]:.2f}"""


def main() -> None:
    """Run it and say what was found."""
    end_when_told()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} CPUs, load {load}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as bytecode:
        # As installed: with the bytecode of all packages cached, from the second start on.
        os.environ.update(PYTHONDONTWRITEBYTECODE="", PYTHONPYCACHEPREFIX=bytecode)
        killer = Killer(Path(folder), seed=given.seed)
        began = time.perf_counter()
        try:
            killer.run(QUICK_ROUNDS if given.quick else given.rounds)
        except BrokenPromiseError as error:
            sys.exit(f"after {killer.found.rounds} rounds: {error}")
        print(report(killer))
        print(f"in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
