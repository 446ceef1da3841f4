"""Spans a second through OTLP/HTTP until they can be queried; beside it the same load on peers.

    python benchmarks/throughput.py [--quick] [--seconds 60] [--against phoenix,mlflow] [--json]

``llmtrace collector`` runs as a user would start it, with four projects and their tokens; another
process sends spans of OpenTelemetry's GenAI instrumentation, about 2 KB each, with content and
without a cost, so that each call is priced. First at a steady rate for N seconds: does it keep up,
how long does an acknowledgement take, is the memory flat? Then as fast as it acknowledges, for a
third of that (20 s at most): how much? One call in ten holds personal data, which is taken out
before it is stored. Peers run after it in environments made for the occasion. Nothing is left
behind.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that this file can be run by its name

# These need the path above.
from benchmarks.measuring.load import LoadError, Order, Sent, send  # noqa: E402
from benchmarks.measuring.machine import Pace, machine  # noqa: E402
from benchmarks.measuring.peer_servers import PEER_SERVERS  # noqa: E402
from benchmarks.measuring.peers import PeerError  # noqa: E402
from benchmarks.measuring.processes import Server, ServerError, end_when_told  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET_RATE: Final = 10_000
PROJECTS: Final = ("shop", "search", "support", "research")
_START_S: Final = 60.0
_DRAIN_S: Final = 600.0
_ALL_OUT_S: Final = 20.0
"""At most: what is acknowledged in it takes four times as long to be stored."""
_PEER_DRAIN_S: Final = 240.0
_PEER_CONNECTIONS: Final = 2
_POLL_S: Final = 0.1
_LISTENING: Final = re.compile(r"OTLP/HTTP at (http://\S+)/v1/traces")
_COUNTED: Final = """
    select count(*) as spans, count(distinct (trace_id, span_id)) as ids,
        count(*) filter (where is_inference) as calls,
        count(*) filter (where cost_usd is not null) as priced
    from spans
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of load on one server."""

    name: str
    spans: int
    """Acknowledged."""
    acked_per_s: float
    queryable_per_s: float
    """From the first request until the last acknowledged span can be queried."""
    behind_s: float
    """From the last acknowledgement until then."""
    ack_p50_ms: float
    ack_p99_ms: float
    ack_max_ms: float
    refused: int
    server_cpu_s: float
    load_cpu_s: float
    rss_mb: tuple[float, float, float]
    """At the start, in the middle, in the end."""
    rss_max_mb: float


def main() -> None:
    """Measure and print."""
    end_when_told()
    options = _options()
    seconds = options.seconds or (10.0 if options.quick else 60.0)
    report: dict[str, Any] = {"machine": machine(), "load_before": os.getloadavg()}
    with tempfile.TemporaryDirectory(prefix="llmtrace-throughput-") as name:
        with Pace() as pace:
            phases, counted = _ours(Path(name), seconds, options.rate)
        report["pace"] = pace.told()
        report |= {"llmtrace": [asdict(phase) for phase in phases], "counted": counted}
    missing: dict[str, str] = {}
    for peer in options.peers:
        with tempfile.TemporaryDirectory(prefix=f"llmtrace-{peer}-") as name:
            try:
                spans = 2_000 if options.quick else 10_000
                phase = _peer(peer, Path(name), spans)
            except (PeerError, ServerError, LoadError, subprocess.SubprocessError) as error:
                missing[peer] = str(error)
                continue
        report[peer] = asdict(phase)
        phases.append(phase)
    report |= {"missing": missing, "load_after": os.getloadavg()}
    if options.json:
        print(json.dumps(report))
    else:
        _print(report, phases, counted)


def _ours(place: Path, seconds: float, rate: int) -> tuple[list[Phase], dict[str, int]]:
    """Run both phases on a collector; every span must be there once in the end."""
    home = place / "home"
    home.mkdir(mode=0o700)
    tokens = [_token(home, project) for project in PROJECTS]
    command = [sys.executable, "-m", "llmtrace", "collector", "--home", str(home)]
    with Server([*command, "--port", "0", "--grpc-port", "0"], place / "log") as server:
        server.wait_for(lambda: _LISTENING.search(server.output) is not None, _START_S)
        found = _LISTENING.search(server.output)
        assert found is not None
        url = found.group(1)

        def stored() -> int:
            # Committed, so that any query from now on sees it; SQL has the last word, below.
            with urllib.request.urlopen(f"{url}/status", timeout=60) as answer:  # noqa: S310  # our own
                return int(json.load(answer)["stored"])

        headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
        steady = Order(url=f"{url}/v1/traces", headers=headers, seconds=seconds, rate=rate)
        full = Order(url=f"{url}/v1/traces", headers=headers, seconds=min(seconds / 3, _ALL_OUT_S))
        warm = Order(
            url=f"{url}/v1/traces", headers=headers, seconds=min(2.0, seconds), rate=rate / 4
        )
        before = _run("warm-up", warm, server, stored, 0).spans
        phases: list[Phase] = []
        for name, order in ((f"llmtrace, {rate:,}/s offered", steady), ("llmtrace, all out", full)):
            phases.append(_run(name, order, server, stored, before))
            before += phases[-1].spans
        (counted,) = _ask(url, home, _COUNTED)
    assert counted["spans"] == counted["ids"] == before, f"{before} acknowledged, {counted} stored"
    assert counted["calls"] == before * 3 // 5, f"of {before} spans 3 in 5 are calls: {counted}"
    return phases, {"acknowledged": before, **counted}


def _peer(name: str, place: Path, spans: int) -> Phase:
    """Install a peer, start it and give it ``spans`` of the same spans."""
    peer = PEER_SERVERS[name]
    print(f"installing {peer.package} …", file=sys.stderr)
    binaries = peer.install(place)
    data = place / "data"
    data.mkdir()
    ports = (_free_port(), _free_port())
    server = peer.start(binaries, data, ports)
    with server:
        order = Order(
            url=f"http://127.0.0.1:{ports[0]}/v1/traces",
            headers=[peer.headers] * _PEER_CONNECTIONS,
            seconds=_PEER_DRAIN_S,
            max_spans=spans,
            templates=max(_PEER_CONNECTIONS, spans // 500),
        )
        before = peer.stored(data)
        return _run(name, order, server, lambda: peer.stored(data), before, _PEER_DRAIN_S)


def _run(  # what a stretch of load consists of
    name: str,
    order: Order,
    server: Server,
    stored: Callable[[], int],
    before: int,
    drain_s: float = _DRAIN_S,
) -> Phase:
    """Send, wait until all is there, and sum up. Raises ServerError if it does not get there."""
    cpu_s = server.cpu_s()
    sent = send(order)
    acked_at = sent.began_at + sent.seconds
    deadline = time.monotonic() + drain_s
    while (there := stored() - before) < sent.spans:
        if time.monotonic() > deadline:
            raise ServerError(
                f"of {sent.spans} spans {there} could be queried {drain_s:g} s after the last ack: "
                f"{there / (time.monotonic() - sent.began_at):,.0f} spans/s"
            )
        time.sleep(_POLL_S)
    done_at = time.monotonic()
    return _phase(name, sent, server, (acked_at, done_at), server.cpu_s() - cpu_s)


def _phase(name: str, sent: Sent, server: Server, ends: tuple[float, float], cpu_s: float) -> Phase:
    acked_at, done_at = ends
    rss = [mb for at, mb in server.rss_mb if at >= sent.began_at] or [server.rss_mb[-1][1]]
    waits = sorted(sent.ack_ms)
    return Phase(
        name=name,
        spans=sent.spans,
        acked_per_s=sent.spans / sent.seconds,
        queryable_per_s=sent.spans / (done_at - sent.began_at),
        behind_s=max(0.0, done_at - acked_at),
        ack_p50_ms=waits[len(waits) // 2],
        ack_p99_ms=waits[min(len(waits) - 1, int(len(waits) * 0.99))],
        ack_max_ms=waits[-1],
        refused=sent.refused,
        server_cpu_s=cpu_s,
        load_cpu_s=sent.cpu_s,
        rss_mb=(rss[0], rss[len(rss) // 2], rss[-1]),
        rss_max_mb=max(rss),
    )


def _token(home: Path, project: str) -> str:
    command = [sys.executable, "-m", "llmtrace", "token", "create"]
    done = subprocess.run(
        [*command, "--project", project, "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = re.search(r"llmt_\S+", done.stdout)
    assert found is not None, done.stdout
    return found.group()


def _ask(url: str, home: Path, query: str) -> list[dict[str, int]]:
    """Ask the running collector as a dashboard does, with the token that it left for readers."""
    request = urllib.request.Request(  # noqa: S310  # our own loopback address
        f"{url}/v1/sql",
        data=json.dumps({"query": query, "timeout_s": 100}).encode(),
        headers={
            "Authorization": f"Bearer {(home / 'token').read_text().strip()}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310  # as above
        told = json.load(answer)
    names = [column["name"] for column in told["columns"]]
    return [dict(zip(names, row, strict=True)) for row in told["rows"]]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _print(report: dict[str, Any], phases: list[Phase], counted: dict[str, int]) -> None:
    before, after = (f"{report[when][0]:.1f}" for when in ("load_before", "load_after"))
    print(f"{report['machine']}; load {before} before, {after} after")
    print(f"{report['pace']}\n")
    titles = ("spans", "acked/s", "queryable/s", "behind s", "ack p50 ms", "p99", "max")
    cpu = ("CPU s/10k", "load's share")
    print(f"{'':28}" + "".join(f"{title:>13}" for title in (*titles, *cpu)) + "  RSS MB")
    for phase in phases:
        figures = (
            f"{phase.spans:,}",
            f"{phase.acked_per_s:,.0f}",
            f"{phase.queryable_per_s:,.0f}",
            f"{phase.behind_s:.1f}",
            f"{phase.ack_p50_ms:,.0f}",
            f"{phase.ack_p99_ms:,.0f}",
            f"{phase.ack_max_ms:,.0f}",
            f"{phase.server_cpu_s / phase.spans * 10_000:.2f}",
            f"{phase.load_cpu_s / (phase.load_cpu_s + phase.server_cpu_s):.0%}",
        )
        rss = " → ".join(f"{mb:,.0f}" for mb in phase.rss_mb) + f", max {phase.rss_max_mb:,.0f}"
        print(f"{phase.name:28}" + "".join(f"{figure:>13}" for figure in figures) + f"  {rss}")
    print(
        f"\ncounted in the store: {counted['spans']:,} of {counted['acknowledged']:,} acknowledged "
        f"spans, each once; {counted['priced']:,} of {counted['calls']:,} calls priced"
    )
    ours = phases[1]
    for phase in phases[2:]:
        ratio = ours.queryable_per_s / phase.queryable_per_s
        print(f"against {phase.name}: {ratio:,.0f} times as many spans a second until queryable")
    for peer, reason in report["missing"].items():
        print(f"against {peer}: not measured: {reason}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="10 s, and fewer spans for peers")
    parser.add_argument("--seconds", type=float, help="of the steady rate; 60 if not --quick")
    parser.add_argument("--rate", type=int, default=TARGET_RATE, help="the steady rate, spans/s")
    parser.add_argument(
        "--against", default="phoenix,mlflow", help=f"none, or of {', '.join(PEER_SERVERS)}"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    options.peers = [peer for peer in options.against.split(",") if peer not in {"", "none"}]
    if unknown := set(options.peers) - set(PEER_SERVERS):
        parser.error(f"--against {', '.join(unknown)}: it knows {', '.join(PEER_SERVERS)}")
    return options


if __name__ == "__main__":
    main()
