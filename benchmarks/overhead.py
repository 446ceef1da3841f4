"""What llmtrace adds to an LLM call: CPU time with its noise, function calls (exact), start-up.

    python benchmarks/overhead.py [--quick] [--peers none|all|NAME,…] [--json]

The real SDK clients run on an in-process transport. Blocks without and with a tool alternate in one
process; a figure is the median of the paired differences. Two blocks without anything (A/A) give
the noise: what is below it is nothing. Peers run in environments of their own, made with uv.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that this file can be run by its name

# These need the path above.
from benchmarks.measuring import background, frameworks, fresh, hooks, peers, report  # noqa: E402
from benchmarks.measuring.session import Session  # noqa: E402
from benchmarks.measuring.sink import Sink  # noqa: E402


def main() -> None:
    """Measure and print."""
    options = _options()
    wanted = _peers(options.peers)
    workdir = Path(options.workdir)
    rounds = options.rounds or (7 if options.quick else 21)
    with Sink() as sink, Session(wanted, workdir, sink.url) as session:
        machine = _machine(rounds, session.workers["llmtrace"].versions)
        session.run(rounds)
        runs = 3 if options.quick else 9
        starts = [
            start
            for tool, worker in session.workers.items()
            if tool in fresh.INSTRUMENT
            for start in fresh.starts(tool, worker.python, runs)
        ]
    alone = hooks.measured()
    above = frameworks.measured()
    steps = background.steps(rounds)
    if options.json:
        measured = report.as_json(session)
        parts = {
            "machine": machine,
            "cases": measured,
            "missing": session.missing,
            "starts": [asdict(start) for start in starts],
            "background": steps,
            "hooks_us": alone,
            "frameworks": [asdict(step) for step in above],
        }
        print(json.dumps(parts, indent=1))
    else:
        print(report.as_text(machine, session, starts, steps, alone, above))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="7 rounds and no peers: some minutes")
    parser.add_argument("--rounds", type=int, help="rounds of paired blocks (default 21)")
    parser.add_argument("--peers", help="none, all (default) or names: " + ", ".join(peers.PEERS))
    parser.add_argument(
        "--workdir", default=str(peers.default_workdir()), help="where peers are installed"
    )
    parser.add_argument("--json", action="store_true", help="all figures as JSON")
    options = parser.parse_args()
    if options.peers is None:
        options.peers = "none" if options.quick else "all"
    return options


def _peers(text: str) -> list[str]:
    """Return the peers beside the bare span, which is always measured."""
    known = [name for name in peers.PEERS if name != "otel-span"]
    if text in {"all", "none"}:
        return known if text == "all" else []
    chosen = text.split(",")
    unknown = set(chosen) - set(known)
    if unknown:
        sys.exit(f"unknown peer {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return chosen


def _machine(rounds: int, versions: dict[str, str]) -> dict[str, str]:
    """Return where and when this was measured."""
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"],  # noqa: S607  # git as installed
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {
        "date": datetime.fromtimestamp(datetime.now(UTC).timestamp(), UTC).strftime("%Y-%m-%d"),
        "commit": commit.stdout.strip() or "unknown",
        "processor": f"{os.cpu_count()} × {_processor()}",
        "system": platform.platform(terse=True),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "rounds": str(rounds),
        **versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
