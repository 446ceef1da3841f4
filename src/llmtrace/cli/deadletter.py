"""``llmtrace deadletter``: requests that could not be read or stored, and a second try for them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from llmtrace.clock import wall_ns
from llmtrace.config import load_settings
from llmtrace.errors import ConfigError, SegmentError
from llmtrace.otlp.count import count_spans
from llmtrace.spool import SegmentWriter
from llmtrace.store.drain import DEAD_LETTERS, SPOOL

_home = click.option("--home", type=click.Path(path_type=Path), help="Instead of LLMTRACE_HOME.")


@click.group(name="deadletter", no_args_is_help=True)
def command() -> None:
    """Show requests that were put aside, and try them again, as after an upgrade."""


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_home
def list_(home: Path | None, *, as_json: bool) -> int:
    """Show what lies aside. Exit 1 if anything does."""
    rows: list[dict[str, object]] = []
    for path in _letters(load_settings(home=home).home):
        payload = _content(path)
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
    letters = {path.name: path for path in _letters(place)}
    if takes_all == bool(names):
        raise ConfigError("name the files to try again, or say --all; `llmtrace deadletter list`")
    unknown = [name for name in names if name not in letters]
    if unknown:
        raise ConfigError(f"no request {unknown[0][:120]!r} lies aside; `llmtrace deadletter list`")
    chosen = list(letters.values()) if takes_all else [letters[name] for name in names]
    segment = SegmentWriter(place / SPOOL, now_ns=wall_ns, pid=os.getpid())
    for path in chosen:
        segment.append(_content(path))
        # On the disk there before it goes here: a kill between makes a duplicate, never a loss.
        segment.sync()
        path.unlink(missing_ok=True)
    segment.close()
    click.echo(f"{len(chosen)} on their way again", err=True)
    return 0


def _letters(home: Path) -> list[Path]:
    return sorted((home / DEAD_LETTERS).glob("*.otlp"))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SegmentError(
            f"cannot read {path}: {error.strerror}; check its permissions and the disk"
        ) from error
