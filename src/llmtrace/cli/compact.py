"""``llmtrace compact``: the store written anew, as small as it gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmtrace.cli.prices.options import AS_JSON, HOME
from llmtrace.cli.upkeep import actor, print_outcome
from llmtrace.store.admin import open_admin

if TYPE_CHECKING:
    from pathlib import Path


@click.command(name="compact")
@AS_JSON
@HOME
def command(*, as_json: bool, home: Path | None) -> None:
    """Write the store's file anew, without the room that deleted rows took.

    Needs free space for the new file. Spans that arrive meanwhile are acknowledged and wait.
    """
    done = open_admin(home).run("compact", {"actor": actor()})
    text = f"{done['before_bytes']:,} → {done['after_bytes']:,} bytes"
    if done["spans"]:
        text += f", {done['bytes_per_span']:,} bytes for each of {done['spans']:,} spans"
    print_outcome(done, as_json=as_json, text=text)
