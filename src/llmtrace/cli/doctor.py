"""``llmtrace doctor``: what is installed, patched, reachable, priced; what to do about the rest.

Each finding is a line with a verdict: ``ok``, ``note`` (works, worth knowing) or ``problem`` (with
what to do). Exit 1 if there is a problem. Shows no secret.
"""

from __future__ import annotations

import importlib
import json
import platform
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from llmtrace.config import Settings, load_settings
from llmtrace.errors import LlmtraceError
from llmtrace.instrument import guard, patches
from llmtrace.instrument.integrations import INTEGRATIONS
from llmtrace.instrument.transport import traces_url, transport_directory
from llmtrace.otlp.endpoint import shown_url
from llmtrace.pricing import load_price_book
from llmtrace.spool.keeping import FORWARD, active_targets
from llmtrace.spool.kept import Kept
from llmtrace.store import open_store
from llmtrace.store.discovery import find_collector
from llmtrace.store.drain import NOT_FORWARDED, SPOOL, WAL
from llmtrace.store.on_disk import segments
from llmtrace.store.queries import store_counts, store_summary, unpriced_calls
from llmtrace.store.settings_shown import shown_settings
from llmtrace.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmtrace.instrument.integrations._base import Integration

Verdict = Literal["ok", "note", "problem"]
_STYLES: dict[Verdict, str] = {"ok": "green", "note": "yellow", "problem": "bold red"}
_CORE = ("opentelemetry-api", "wrapt", "genai-prices")
_OPTIONAL = (("duckdb", "server"), ("streamlit", "dashboards"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report."""

    about: str
    verdict: Verdict
    detail: str


@click.command()
@click.option("--home", type=click.Path(path_type=Path), help="Folder to look at.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, home: Path | None, as_json: bool) -> int:
    """Say what is installed, patched, reachable and priced."""
    settings = load_settings(home=home)
    findings = [
        *installed(),
        *patched(),
        *reachable(settings),
        *forwarded(settings),
        *priced(settings),
    ]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings, settings)
    return 1 if any(finding.verdict == "problem" for finding in findings) else 0


def installed() -> Iterator[Finding]:
    """Tell the versions of what llmtrace needs and watches."""
    yield Finding(
        about="python", verdict="ok", detail=f"{platform.python_version()}, llmtrace {VERSION}"
    )
    for name in _CORE:
        found = _version(name)
        yield Finding(
            about=name,
            verdict="ok" if found else "problem",
            detail=found or "not installed; type: pip install llmtrace-toolkit",
        )
    for name, extra in _OPTIONAL:
        found = _version(name)
        yield Finding(
            about=name,
            verdict="ok" if found else "note",
            detail=found or f"not installed; type: pip install 'llmtrace-toolkit[{extra}]'",
        )


def patched() -> Iterator[Finding]:
    """Load each installed SDK here, patch it, and tell whether every hook found its place."""
    for name, integration in INTEGRATIONS.items():
        version = _version(integration.distribution)
        if version is None:
            yield Finding(about=name, verdict="note", detail="not installed; nothing to watch")
            continue
        try:
            found = [patch(module)() for module, patch in _modules(integration)]
            if not found:
                patches.note_missing(name, " nor ".join(integration.hooks))
        except Exception as error:  # noqa: BLE001  # whatever a foreign import may raise
            detail = f"{version}: {type(error).__name__} on import; reinstall {name}"
            yield Finding(about=name, verdict="problem", detail=detail)
            continue
        gone = [what for what in patches.missing if what.startswith(f"{name}:")]
        yield Finding(
            about=name,
            verdict="problem" if gone else "ok",
            detail=(
                f"{version}: has no {', '.join(gone)}; calls work, but are recorded in part. "
                f"Tested with {integration.tested}"
                if gone
                else f"{version}, can be watched (tested: {integration.tested})"
            ),
        )
    for kind, count in guard.faults.items():
        yield Finding(about="faults", verdict="problem", detail=f"{kind}: {count}")


def _modules(
    integration: Integration,
) -> Iterator[tuple[object, Callable[[object], Callable[[], None]]]]:
    """Import the modules that are patched; one that this version of the SDK lacks is left out."""
    for name, patch in integration.hooks.items():
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{name}.".startswith(f"{error.name}."):
                continue
            raise
        yield module, patch


def reachable(settings: Settings) -> Iterator[Finding]:
    """Tell where spans go, what waits there, and whether the store answers."""
    url = traces_url(settings)
    directory = transport_directory(settings)
    try:
        found = segments(directory)
        detail = f"{directory}: {found.files} segments, {found.size_bytes:,} bytes, "
        detail += f"{found.written_now} being written"
        yield Finding(about="outbox" if url else "spool", verdict="ok", detail=detail)
    except (LlmtraceError, OSError) as error:
        yield Finding(about="spool", verdict="problem", detail=str(error))
    if url:
        yield Finding(
            about="endpoint", verdict="ok", detail=f"spans are posted to {shown_url(url)}"
        )
    collector = find_collector(settings.home)
    yield Finding(
        about="collector",
        verdict="ok" if collector else "note",
        detail=(
            f"{collector.url}, pid {collector.pid}, version {collector.version}"
            if collector
            else "none runs; readers take the spool in by themselves (start: llmtrace collector)"
        ),
    )
    try:
        store = open_store(settings.home)
        told = store_summary(store)
        detail = f"{store.where}: {_calls(told['calls'])}, latest {told['latest_call_at']} UTC"
        if not told["calls"]:
            detail = f"{store.where}: no call yet; run an app with llmtrace.instrument()"
        yield Finding(about="store", verdict="ok" if told["calls"] else "note", detail=detail)
        for name, count in store_counts(store).items():
            lost = name.startswith(("lost.", NOT_FORWARDED))
            yield Finding(
                about="lost" if lost else "ingest",
                verdict="problem" if lost else "note",
                detail=f"{name}: {count} since the store was made; see docs/reliability.md",
            )
        store.close()
    except LlmtraceError as error:
        yield Finding(about="store", verdict="problem", detail=str(error))


def forwarded(settings: Settings) -> Iterator[Finding]:
    """Tell to whom a collector sends spans on, and what waits for them."""
    from llmtrace.collector.forward_targets import (  # noqa: PLC0415  # a server comes with it
        targets_of,
    )

    home = settings.home
    active = set(active_targets(home))
    is_running = find_collector(home) is not None
    try:
        for target in targets_of(settings):
            folder = home / FORWARD / target.name
            size = Kept(folder, [home / SPOOL, home / WAL]).waiting_bytes()
            detail = f"to {target.shown}: {size:,} bytes wait"
            is_off = folder not in active
            if is_off:
                detail += (
                    "; the running collector does not know of it, start it anew"
                    if is_running
                    else "; begins with the next start of a collector"
                )
            verdict = "problem" if is_off and is_running else "ok" if is_running else "note"
            yield Finding(about="forward", verdict=verdict, detail=detail)
            active.discard(folder)
        for folder in sorted(active):
            detail = f"segments are kept in {folder}, which LLMTRACE_FORWARD_TO does not name here"
            yield Finding(about="forward", verdict="note", detail=detail)
    except LlmtraceError as error:
        yield Finding(about="forward", verdict="problem", detail=str(error))


def priced(settings: Settings) -> Iterator[Finding]:
    """Tell which price data is used and which models it does not know."""
    try:
        load_price_book(settings)
        own = settings.prices_file or settings.home / "prices.yaml"
        detail = f"genai-prices {_version('genai-prices')}"
        detail += f", overrides from {own}" if own.is_file() else "; no overrides (prices.yaml)"
        yield Finding(about="prices", verdict="ok", detail=detail)
        rows = unpriced_calls(open_store(settings.home)).to_pylist()
    except LlmtraceError as error:
        yield Finding(about="prices", verdict="problem", detail=str(error))
        return
    for row in rows:
        detail = f"{row['model']}: {_calls(row['calls'])} without a price; llmtrace prices unpriced"
        yield Finding(about="unpriced", verdict="note", detail=detail)


def _print(findings: list[Finding], settings: Settings) -> None:
    console = Console()
    table = Table(show_header=False, box=None, pad_edge=False)
    for finding in findings:
        mark = f"[{_STYLES[finding.verdict]}]{finding.verdict}[/]"
        table.add_row(mark, finding.about, _plain(finding.detail))
    console.print(table)
    chosen = Table(title="settings", title_justify="left", box=None, pad_edge=False)
    chosen.add_column("name")
    chosen.add_column("value")
    chosen.add_column("environment variable")
    for row in shown_settings(settings):
        chosen.add_row(row.name, _plain(row.value), row.variable)
    console.print(chosen)


def _calls(count: object) -> str:
    """Return a number of calls in words."""
    return "1 call" if count == 1 else f"{count} calls"


def _plain(text: str) -> str:
    """Keep rich from reading markup in what came from outside."""
    return escape(text)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
