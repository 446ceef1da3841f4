"""``llmtrace restore``: a backup in the place of the store; what was there stays beside it."""

from __future__ import annotations

from pathlib import Path

import click

from llmtrace.cli.prices.options import AS_JSON, HOME
from llmtrace.cli.upkeep import YES, confirm, print_outcome
from llmtrace.clock import SystemClock
from llmtrace.config import load_settings
from llmtrace.store.maintenance.backup import restore


@click.command(name="restore")
@click.argument("backup", type=click.Path(path_type=Path))
@YES
@AS_JSON
@HOME
def command(backup: Path, *, is_sure: bool, as_json: bool, home: Path | None) -> None:
    """Put the file BACKUP in the place of the store. No collector may run.

    The present store is kept beside it. What waits in spool and log is taken in by the next reader.
    """
    settings = load_settings(home=home)
    confirm(f"The store in {settings.home} will be replaced by {backup}.", is_sure=is_sure)
    done = restore(settings.home, backup, now=SystemClock().now())
    kept = f"; what was there is {done['kept']}" if done["kept"] else ""
    text = f"{done['store']}: {done['calls']:,} calls of ${done['cost_usd']}{kept}"
    print_outcome(done, as_json=as_json, text=text)
