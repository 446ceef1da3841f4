"""``llmtrace rollups``: the hourly sums held against the spans, and built anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmtrace.cli.prices.options import AS_JSON, HOME
from llmtrace.cli.upkeep import actor, print_outcome
from llmtrace.store.admin import open_admin

if TYPE_CHECKING:
    from pathlib import Path


@click.command(name="rollups")
@click.option("--rebuild", is_flag=True, help="Build them from the spans first.")
@AS_JSON
@HOME
def command(*, rebuild: bool, as_json: bool, home: Path | None) -> None:
    """Hold the hourly rollups against the spans. Exit 1 if any row is wrong.

    Hours whose spans `llmtrace retention` has deleted stay as they are.
    """
    done = open_admin(home).run("rollups", {"actor": actor(), "rebuild": rebuild})
    wrong = done["wrong_rows"]
    text = f"{done['calls']:,} calls, ${done['cost_usd']}, in {done['hours']:,} hours; "
    text += "as the spans say" if not wrong else f"{wrong:,} rows are wrong: add --rebuild"
    if done["spans_since"]:
        text += f" (spans are whole since {done['spans_since']})"
    print_outcome(done, as_json=as_json, text=text)
    if wrong:
        raise click.exceptions.Exit(1)
