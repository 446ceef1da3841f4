"""``llmtrace deadletter``: requests that could not be read or stored: look, try again, drop."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from llmtrace.cli.letters import plain, portrait
from llmtrace.cli.upkeep import YES, actor, confirm, counted
from llmtrace.clock import from_unix_ns, wall_ns
from llmtrace.config import load_settings
from llmtrace.errors import ConfigError
from llmtrace.otlp.count import count_spans
from llmtrace.spool import SegmentWriter
from llmtrace.store.admin import open_admin
from llmtrace.store.dead_letters import content_of, letters, reason_of, remove
from llmtrace.store.drain import SPOOL

if TYPE_CHECKING:
    from collections.abc import Sequence

_home = click.option("--home", type=click.Path(path_type=Path), help="Instead of LLMTRACE_HOME.")


@click.group(name="deadletter", no_args_is_help=True)
def command() -> None:
    """Show requests that were put aside, try them again, as after an upgrade, or drop them."""


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_home
def list_(home: Path | None, *, as_json: bool) -> int:
    """Show what lies aside. Exit 1 if anything does."""
    rows: list[dict[str, object]] = []
    for path in letters(load_settings(home=home).home):
        payload = content_of(path)
        rows.append({"file": path.name, "bytes": len(payload), "spans": count_spans(payload)})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            click.echo(f"{row['file']}  {row['bytes']} bytes, {row['spans']} spans")
    if not rows:
        click.echo("nothing was put aside", err=True)
    return 1 if rows else 0


@command.command()
@click.argument("names", nargs=-1)
@click.option("--all", "takes_all", is_flag=True, help="All of them.")
@_home
def retry(names: tuple[str, ...], home: Path | None, *, takes_all: bool) -> int:
    """Put requests (files as `list` names them) back on their way.

    A running collector takes them within a second, else the next command that reads the store.
    What fails again is put aside again; what is stored already is not stored twice.
    """
    place = load_settings(home=home).home
    chosen = _chosen(place, names, takes_all=takes_all)
    segment = SegmentWriter(place / SPOOL, now_ns=wall_ns, pid=os.getpid())
    for path in chosen:
        segment.append(content_of(path))
        # On the disk there before it goes here: a kill between makes a duplicate, never a loss.
        segment.sync()
        remove(path)
    segment.close()
    click.echo(f"{len(chosen)} on their way again", err=True)
    return 0


@command.command()
@click.argument("name", metavar="FILE")
@click.option("--spans", type=click.IntRange(0, 1000), default=3, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_home
def show(name: str, spans: int, home: Path | None, *, as_json: bool) -> None:
    """Show one request (a file as `list` names it): why it lies here, and its first spans.

    What it holds came from outside: it is shown as plain text, escaped and cut short.
    """
    (path,) = _chosen(load_settings(home=home).home, (name,))
    put_at = from_unix_ns(path.stat().st_mtime_ns).isoformat()
    told: dict[str, object] = {
        "file": path.name,
        "reason": reason_of(path),
        "put_aside_at": put_at,
        **portrait(content_of(path), spans=spans),
    }
    click.echo(json.dumps(told, indent=2) if as_json else _shown(told))


@command.command()
@click.argument("names", nargs=-1, metavar="FILE...")
@click.option("--all", "takes_all", is_flag=True, help="All of them.")
@YES
@_home
def drop(names: tuple[str, ...], home: Path | None, *, takes_all: bool, is_sure: bool) -> None:
    """Delete requests (files as `list` names them) for good; the audit and the counts keep that."""
    chosen = [path.name for path in _chosen(load_settings(home=home).home, names, takes_all)]
    if not chosen:
        click.echo("nothing was put aside", err=True)
        return
    admin = open_admin(home)
    if not is_sure:
        found = admin.run("deadletter-drop", {"files": chosen, "dry_run": True})
        confirm(f"{counted(found['deleted'])} would be gone for good.", is_sure=False)
    done = admin.run("deadletter-drop", {"files": chosen, "actor": actor()})
    click.echo(f"deleted: {counted(done['deleted'])}", err=True)


def _chosen(home: Path, names: Sequence[str], takes_all: bool = False) -> list[Path]:  # noqa: FBT001, FBT002  # private
    lying = {path.name: path for path in letters(home)}
    if takes_all == bool(names):
        raise ConfigError("name the files that are meant, or say --all; `llmtrace deadletter list`")
    unknown = [name for name in names if name not in lying]
    if unknown:
        raise ConfigError(
            f"no request {plain(unknown[0])!r} lies aside; `llmtrace deadletter list`"
        )
    return list(lying.values()) if takes_all else [lying[name] for name in dict.fromkeys(names)]


def _shown(told: dict[str, object]) -> str:
    lines = [
        f"{told['file']}, put aside at {told['put_aside_at']}",
        f"reason: {plain(told['reason'] or 'not noted', 1000)}",
        f"{told['bytes']:,} bytes, {told['spans']:,} spans can be counted",
    ]
    if told["problem"]:
        lines.append(f"read now: {plain(told['problem'], 1000)}")
    if "begins_with" in told:
        lines.append(f"begins with: {told['begins_with']}")
    for span in cast("list[dict[str, Any]]", told.get("first", [])):
        lines.append(f"\n{span['name']}  trace {span['trace_id']}  span {span['span_id']}")
        lines.append(f"  of {span['service'] or 'no service'}, {span['scope'] or 'no scope'}, ")
        lines[-1] += f"{span['start'] or 'at no time that can be'}, {span['events']} events"
        lines += [f"  {name} = {value}" for name, value in span["attributes"].items()]
        if span["more_attributes"]:
            lines.append(f"  and {span['more_attributes']} more attributes")
    return "\n".join(lines)
