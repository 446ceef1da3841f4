"""``llmtrace backup``: a whole, checked copy of the store, while it is in use."""

from __future__ import annotations

from pathlib import Path

import click

from llmtrace.cli.prices.options import AS_JSON, HOME
from llmtrace.cli.upkeep import print_outcome
from llmtrace.config import load_settings
from llmtrace.store.admin import Admin
from llmtrace.store.maintenance.backup import take_from_staging


@click.command(name="backup")
@click.argument("path", type=click.Path(path_type=Path))
@AS_JSON
@HOME
def command(path: Path, *, as_json: bool, home: Path | None) -> None:
    """Copy the store to PATH, which must not exist.

    Everything that was acknowledged before this began is in it. The copy is a DuckDB file; put it
    back with `llmtrace restore`. It holds prompts: keep it as you keep the store.
    """
    if path.exists() or path.is_symlink():
        raise click.UsageError(f"{path} exists; choose a new name, nothing was overwritten")
    if not path.absolute().parent.is_dir():
        raise click.UsageError(f"there is no folder {path.absolute().parent}; make it first")
    settings = load_settings(home=home)
    done = Admin(settings).run("backup", {})
    take_from_staging(settings.home, str(done.pop("file")), path.absolute())
    done["path"] = str(path)
    text = (
        f"{path}: {done['bytes']:,} bytes, {done['rows']['spans']:,} spans, {done['calls']:,} "
        f"calls of ${done['cost_usd']}, as of {done['taken_at']}\nsha256 {done['sha256']}"
    )
    print_outcome(done, as_json=as_json, text=text)
