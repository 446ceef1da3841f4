"""``llmtrace prices check``: every mistake in a price file, with its line."""

from __future__ import annotations

import json
from pathlib import Path

import click

from llmtrace.cli.prices.options import AS_JSON, HOME
from llmtrace.config import load_settings
from llmtrace.errors import PriceFileError
from llmtrace.pricing import DEFAULT_FILE, load_overrides, price_file


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@HOME
@AS_JSON
def check(file: Path | None, home: Path | None, *, as_json: bool) -> int:
    """Find every mistake in a price file (default: the one in use). Exit 1 if there is one."""
    path = file or price_file(load_settings(home=home))
    if path is None:
        click.echo("[]" if as_json else f"there is no {DEFAULT_FILE}: list prices are used")
        return 0
    try:
        overrides = load_overrides(path)
    except PriceFileError as error:
        problems = str(error).splitlines()
        click.echo(json.dumps(problems) if as_json else "\n".join(problems))
        return 1
    count = len(overrides.entries)
    click.echo(
        "[]" if as_json else f"{path.name}: {count} entr{'y' if count == 1 else 'ies'}, no problem"
    )
    return 0
