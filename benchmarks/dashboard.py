"""How soon the pages show their figures, with millions of calls stored and more arriving.

    python benchmarks/dashboard.py [--quick] [--calls 10000000] [--days 90] [--arriving 2000]
                                   [--viewers 20] [--seconds 60] [--rounds 8] [--keep FOLDER]
                                   [--no-browser] [--json]

Makes a store of so many calls over so many days (about 75 bytes a call on the disk; ``--keep``
leaves it in a folder, and later runs copy it from there), starts ``llmtrace up`` on it as a user
would, and has another process send spans of OpenTelemetry's GenAI instrumentation to it, so many a
second, all the time. Then one person in a real Chromium opens every page and clicks; after that so
many viewers look at the pages through Streamlit's own websocket, each with the refresh that a
browser would ask for and an action every five seconds (``--pace``). Memory and CPU time are those
of all processes of the server. Nothing is left behind but what ``--keep`` asks for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import re
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that this file can be run by its name

# These need the path above.
from benchmarks.measuring.figures import table  # noqa: E402
from benchmarks.measuring.load import LoadError, Order, sending  # noqa: E402
from benchmarks.measuring.machine import Pace, machine  # noqa: E402
from benchmarks.measuring.many_calls import home_with_calls  # noqa: E402
from benchmarks.measuring.processes import Server, ServerError, end_when_told  # noqa: E402
from benchmarks.measuring.viewers import ACTIONS, OPEN, REFRESH, Looked, look  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.measuring.clicks import Person, Shown

CLICK_MS: Final = 300.0
PAINT_MS: Final = 2_500.0
VIEWERS_MS: Final = 1_000.0
MEMORY_MB: Final = 700.0
_START_S: Final = 120.0
_WARM_S: Final = 3.0
_LONGEST_S: Final = 1_800.0
"""After so long no more spans arrive, whatever is still measured."""
_COLLECTS: Final = re.compile(r"OTLP/HTTP at (http://\S+)/v1/traces")
_SERVES: Final = re.compile(r"llmtrace dashboard: (http://\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What some milliseconds come to."""

    count: int
    p50_ms: float
    p95_ms: float
    max_ms: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Times:
        """Sum up at least one; percentiles are values that occurred (nearest rank)."""
        ordered = sorted(values)

        def rank(share: float) -> float:
            return ordered[max(1, math.ceil(share * len(ordered))) - 1]

        return cls(count=len(ordered), p50_ms=rank(0.5), p95_ms=rank(0.95), max_ms=ordered[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing that must hold."""

    name: str
    wanted: str
    measured: str
    is_reached: bool


def main() -> None:
    """Measure and print."""
    end_when_told()
    options = _options()
    report: dict[str, Any] = {"machine": machine(), "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory(prefix="llmtrace-dashboard-") as name:
        home = Path(name, "home")
        home.mkdir(mode=0o700)
        _say(f"making a store of {options.calls:,} calls over {options.days:g} days …")
        home_with_calls(home, calls=options.calls, days=options.days, kept=options.keep)
        with Pace() as pace:
            report |= _measured(home, Path(name, "log"), options)
        report["pace"] = pace.told()
    report["load_after"] = os.getloadavg()[0]
    report["targets"] = [asdict(target) for target in targets(report)]
    if options.json:
        print(json.dumps(report))
    else:
        print(told(report))


def _measured(home: Path, log: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Serve the store, send, look; return what it took."""
    command = [sys.executable, "-m", "llmtrace", "up", "--home", str(home)]
    ports = ["--port", "0", "--no-grpc", "--dashboard-port", "0"]
    with Server([*command, *ports], log) as server:
        server.wait_for(lambda: _SERVES.search(server.output) is not None, _START_S)
        collects, serves = _COLLECTS.search(server.output), _SERVES.search(server.output)
        if collects is None or serves is None:
            raise ServerError(f"no addresses in {server.output[-300:]!r}")
        began, cpu_s = time.monotonic(), server.cpu_s()
        order = Order(
            url=f"{collects[1]}/v1/traces",
            headers=[{}, {}],
            seconds=_LONGEST_S if options.arriving else 0.0,
            rate=float(options.arriving),
        )
        found: dict[str, Any] = {"rss_at_start": server.rss_by_command()}
        with sending(order) as sent:
            time.sleep(_WARM_S)
            if options.browser:
                found |= _one_person(serves[1], options.rounds)
            found["rss_in_the_middle"] = server.rss_by_command()
            if options.viewers:
                burnt, at = server.cpu_s(), time.monotonic()
                found |= _many(serves[1], options)
                found["viewers_cores"] = (server.cpu_s() - burnt) / (time.monotonic() - at)
            found["rss_in_the_end"] = server.rss_by_command()
            took_s = time.monotonic() - began
            found["cpu_cores"] = (server.cpu_s() - cpu_s) / took_s
        return found | {
            "calls": options.calls,
            "days": options.days,
            "server_said": server.output.splitlines()[-40:] if found.get("wrong") else [],
            "rss_max_mb": max(mb for at, mb in server.rss_mb if at >= began),
            "pss_max_mb": max((mb for at, mb in server.pss_mb if at >= began), default=0.0),
            "spans_sent": sent[0].spans,
            "spans_per_s": sent[0].spans / max(sent[0].seconds, 1e-9),
            "seconds": took_s,
        }


def _one_person(url: str, rounds: int) -> dict[str, Any]:
    """Open every page, then click about on the Overview."""
    # With a browser only: it needs what tests need.
    from benchmarks.measuring.clicks import PAGES, BrowserError, person  # noqa: PLC0415

    opened: dict[str, list[Shown]] = {}
    clicked: dict[str, list[Shown]] = {}
    try:
        with person(url) as somebody:
            for _ in range(2):
                for title, path in PAGES.items():
                    _say(f"opening {title}")
                    opened.setdefault(title, []).append(somebody.open(path))
            somebody.open("")
            for number in range(rounds):
                _say(f"clicking, round {number + 1} of {rounds}")
                for name, shown in _clicks(somebody, number):
                    clicked.setdefault(name, []).append(shown)
    except BrowserError as error:
        return {"browser": f"not measured: {str(error).splitlines()[0]}"}
    return {
        "cold_ms": opened["Overview"][0].figures_ms,
        "pages": {
            title: {
                "first_ms": shown[0].figures_ms,
                "first_done_ms": shown[0].done_ms,
                "again_ms": shown[-1].figures_ms,
                "again_done_ms": shown[-1].done_ms,
            }
            for title, shown in opened.items()
        },
        "clicks": {
            name: {
                "figures": _times(each.figures_ms for each in shown),
                "done": _times(each.done_ms for each in shown),
            }
            for name, shown in clicked.items()
        },
        "all_clicks": _times(each.figures_ms for shown in clicked.values() for each in shown),
    }


def _clicks(somebody: Person, number: int) -> Iterable[tuple[str, Shown]]:
    """Click what a person does on the Overview, each time with another model."""
    for span in ("7d", "30d", "24h"):
        yield f"range {span}", somebody.choose_range(span)
    for name in ("Provider", "Model"):
        yield "stack by", somebody.stack_by(name)
    yield "open filters", somebody.open_filters()
    yield "model filter", somebody.choose_model(f"model-{number % 12}")
    yield "clear filters", somebody.clear()
    for title in ("Cost", "Latency & reliability", "Overview"):
        yield f"to {title}", somebody.switch_to(title)


def _many(url: str, options: argparse.Namespace) -> dict[str, Any]:
    """Have many look at once."""
    viewers: int = options.viewers
    _say(f"{viewers} viewers for {options.seconds:g} s")
    looked: Looked = asyncio.run(
        look(url, viewers=viewers, seconds=options.seconds, every_s=options.pace)
    )
    acted = [ms for name, each in looked.ms.items() if name not in {OPEN, REFRESH} for ms in each]
    return {
        "viewers": viewers,
        "actions": {name: _times(looked.ms[name]) for name in ACTIONS if name in looked.ms},
        "all_actions": _times(acted),
        "wrong": dict(looked.wrong),
    }


def _times(values: Iterable[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    return asdict(Times.of(known)) if known else None


def targets(report: dict[str, Any]) -> list[Target]:
    """Hold what was measured against what must be."""
    found: list[Target] = []

    def hold(name: str, value: float | None, limit: float, unit: str) -> None:
        if value is not None:
            found.append(
                Target(
                    name=name,
                    wanted=f"{limit:,.0f} {unit}",
                    measured=f"{value:,.0f} {unit}",
                    is_reached=value < limit,
                )
            )

    hold("click → new numbers, p95", _p95(report, "all_clicks"), CLICK_MS, "ms")
    hold("first paint, cold", report.get("cold_ms"), PAINT_MS, "ms")
    paints = [ms for page in report.get("pages", {}).values()
              if (ms := page["first_ms"] or page["first_done_ms"])]  # fmt: skip
    hold("first paint, the slowest page", max(paints, default=None), PAINT_MS, "ms")
    hold(f"{report.get('viewers')} viewers, p95", _p95(report, "all_actions"), VIEWERS_MS, "ms")
    hold("resident memory, at most", report["pss_max_mb"], MEMORY_MB, "MB")
    hold("the same, shared pages in each process", report["rss_max_mb"], MEMORY_MB, "MB")
    return found


def _p95(report: dict[str, Any], name: str) -> float | None:
    times = report.get(name)
    return times["p95_ms"] if times else None


def told(report: dict[str, Any]) -> str:
    """Return the report as text: Markdown tables."""
    measured_on = (
        f"{report['machine']}; load {report['load_before']:.1f} before, "
        f"{report['load_after']:.1f} after"
    )
    stored = (
        f"{report['calls']:,} calls over {report['days']:g} days; {report['spans_sent']:,} spans "
        f"arrived, {report['spans_per_s']:,.0f} a second; {report['cpu_cores']:.2f} processors in "
        f"use by the server over {report['seconds']:.0f} s"
    )
    lines = [
        measured_on,
        report["pace"],
        stored,
        "",
        table(
            ("", "target", "measured", ""),
            [(each["name"], each["wanted"], each["measured"],
              "reached" if each["is_reached"] else "not reached") for each in report["targets"]],
        ),
        "",
    ]  # fmt: skip
    if "browser" in report:
        lines += [f"in a browser: {report['browser']}", ""]
    if "pages" in report:
        rows = [(title, *map(_ms, page.values())) for title, page in report["pages"].items()]
        heads = ("page, ms until", "first figure", "all drawn", "again: first", "all drawn")
        lines += [table(heads, rows), ""]
        rows = [
            (name, *_cells(each["figures"]), *_cells(each["done"]))
            for name, each in report["clicks"].items()
        ]
        heads = ("click, ms until", "numbers p50", "p95", "max", "all drawn p50", "p95", "max")
        lines += [table(heads, rows), ""]
    if "actions" in report:
        rows = [(name, each["count"], *_cells(each)) for name, each in report["actions"].items()]
        heads = (f"{report['viewers']} viewers, ms", "times", "p50", "p95", "max")
        lines += [table(heads, rows), ""]
        lines += [f"{report['viewers_cores']:.2f} processors in use by the server meanwhile", ""]
        lines += [f"wrong, {count} times: {what}" for what, count in report["wrong"].items()]
    rss = {name: report[f"rss_{name}"] for name in ("at_start", "in_the_middle", "in_the_end")}
    names = sorted({name for each in rss.values() for name in each})
    rows = [(name, *(_ms(each.get(name)) for each in rss.values())) for name in names]
    rows.append(("together", *(_ms(sum(each.values())) for each in rss.values())))
    heads = ("MB, shared pages in each", "at the start", "in the middle", "in the end")
    return "\n".join([*lines, table(heads, rows)])


def _cells(times: dict[str, float] | None) -> tuple[str, str, str]:
    if times is None:
        return ("–", "–", "–")
    return (_ms(times["p50_ms"]), _ms(times["p95_ms"]), _ms(times["max_ms"]))


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="100 000 calls, 15 s, two rounds")
    parser.add_argument("--calls", type=int, help="10 million if not --quick")
    parser.add_argument("--days", type=float, default=90.0)
    parser.add_argument("--arriving", type=int, default=2_000, help="spans a second; 0: none")
    parser.add_argument("--viewers", type=int, default=20, help="at once; 0: none")
    parser.add_argument("--seconds", type=float, help="of the viewers; 60 if not --quick")
    parser.add_argument("--pace", type=float, default=5.0, help="seconds between one's actions")
    parser.add_argument("--rounds", type=int, help="of clicks; 8 if not --quick")
    parser.add_argument("--keep", type=Path, help="folder in which made stores are kept")
    parser.add_argument("--no-browser", dest="browser", action="store_false")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    options.calls = options.calls or (100_000 if options.quick else 10_000_000)
    options.seconds = options.seconds or (15.0 if options.quick else 60.0)
    options.rounds = options.rounds or (2 if options.quick else 8)
    return options


if __name__ == "__main__":
    try:
        main()
    except (LoadError, ServerError) as failed:
        sys.exit(str(failed))
