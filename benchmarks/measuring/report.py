"""The tables that ``overhead.py`` prints. Pure: takes results, returns text."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from benchmarks.measuring.figures import table
from benchmarks.measuring.session import CALLER
from benchmarks.measuring.workload import CHUNKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.measuring.frameworks import Step
    from benchmarks.measuring.fresh import Start
    from benchmarks.measuring.session import Result, Session

_STREAMS: Final = ("stream, openai", "stream, anthropic", "stream, bytes only")


def as_text(
    machine: Mapping[str, str],
    session: Session,
    starts: Sequence[Start],
    steps: Sequence[tuple[str, float, float]],
    alone: Mapping[str, float],
    above: Sequence[Step],
) -> str:
    """Return everything, as Markdown that can be read as it is."""
    export = [
        (case, mode) for case in ("chat", "chat, 200 KB prompt") for mode in ("spool", "otlp")
    ]
    sampled = [("chat", "ratio_0"), ("chat", "always_off")]
    caller = [(case, "record") for case in CALLER]
    parts = [
        "\n".join(f"{name}: {value}" for name, value in machine.items()),
        *(f"{peer} could not be installed: {why}" for peer, why in session.missing.items()),
        "## Added CPU time of the calling thread, µs a call (a stream: the whole stream)",
        _times(session, caller),
        "Of that, llmtrace's own code (its hooks with no SDK around them): "
        + ", ".join(f"{mode} {us:.1f} µs" for mode, us in alone.items()),
        f"## The same, µs a chunk of a stream of {CHUNKS}",
        _per_chunk(session),
        "## Added function calls on the calling thread, Python + C",
        _rows(session, caller, _calls),
        "## Frameworks: added function calls on the calling thread",
        frameworks(above),
        "## Sampled out: added µs a call, and function calls",
        _times(session, sampled) + "\n\n" + _rows(session, sampled, _calls),
        "## Added CPU time of the whole process, exporting, µs a call",
        _times(session, export),
        "## Import and instrument in a fresh process",
        table(
            ("tool", "after importing", "CPU ms", "RSS MB", "modules"),
            [(s.tool, s.after, s.cpu_ms, s.rss_mb, s.modules) for s in starts],
        ),
        "## llmtrace's background thread, one call",
        table(
            ("step", "µs", "MB/s of prompt"),
            [(step, f"{us:,.0f}", f"{rate:,.0f}") for step, us, rate in steps],
        ),
    ]  # fmt: skip
    return "\n\n".join(parts)


def frameworks(steps: Sequence[Step]) -> str:
    """Return the table of what is added to a framework's step."""
    header = ("one step", "its calls", "added by the SDK's call", "added by the framework's steps")
    rows = [(s.name, f"{s.calls:,}", f"{s.by_sdk:,}", f"{s.by_framework:,}") for s in steps]
    return table(header, rows)


def as_json(session: Session) -> list[dict[str, Any]]:
    """Return every result as plain data; times in microseconds."""
    found: list[dict[str, Any]] = []
    for (tool, case, mode), result in session.results.items():
        times = result.times
        found.append({
            "tool": tool,
            "case": case,
            "mode": mode,
            "times_us": asdict(times) if times else None,
            "added_calls": result.added_calls,
            "calls": result.calls,
            "problem": result.problem,
        })  # fmt: skip
    return found


def _times(session: Session, rows: Sequence[tuple[str, str]]) -> str:
    """Return a table with the call itself and the A/A noise beside what each tool adds."""
    header = ["", "the call", "A/A noise", *session.workers]
    lines: list[list[str]] = []
    for case, mode in rows:
        ours = session.results["llmtrace", case, mode].times
        base = [f"{ours.base.median:,.0f}", str(ours.noise)] if ours else ["", ""]
        tools = [_added(session.results[tool, case, mode]) for tool in session.workers]
        lines.append([_title(case, mode), *base, *tools])
    return table(header, lines)


def _per_chunk(session: Session) -> str:
    lines: list[list[str]] = []
    for case in _STREAMS:
        row = [case]
        ours = session.results["llmtrace", case, "record"].times
        row.append(f"{ours.noise.margin / CHUNKS:.2f}" if ours else "")
        for tool in session.workers:
            times = session.results[tool, case, "record"].times
            row.append(f"{times.added.median / CHUNKS:.2f}" if times else "–")
        lines.append(row)
    return table(["", "± (A/A)", *session.workers], lines)


def _rows(session: Session, rows: Sequence[tuple[str, str]], show: Callable[[Result], str]) -> str:
    lines: list[list[str]] = []
    for case, mode in rows:
        cells = [show(session.results[tool, case, mode]) for tool in session.workers]
        lines.append([_title(case, mode), *cells])
    return table(["", *session.workers], lines)


def _title(case: str, mode: str) -> str:
    shown = {
        "ratio_0": "sample_ratio = 0",
        "always_off": "the app's sampler says no",
        "spool": "to the spool",
        "otlp": "to OTLP/HTTP",
    }.get(mode)
    return f"{case}, {shown}" if shown else case


def _added(result: Result) -> str:
    times = result.times
    if times is None:
        return _short(result)
    return str(times.added)


def _calls(result: Result) -> str:
    added = result.added_calls
    if added is None or result.calls is None:
        return _short(result)
    left = "" if result.calls[0] == result.calls[2] else " (not undone)"
    return f"{sum(added):,} ({added[0]:,} + {added[1]:,}){left}"


def _short(result: Result) -> str:
    return "–" if result.problem in {None, "–"} else f"fails: {str(result.problem)[:40]}"
