"""``llmtrace reprice``: stored calls at today's price data; the difference is shown first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from llmtrace.cli.prices.options import AS_JSON, HOME, shown
from llmtrace.cli.upkeep import DRY_RUN, YES, actor, confirm, moment, print_outcome
from llmtrace.store.admin import open_admin

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@click.command(name="reprice")
@click.option(
    "--since", callback=moment, metavar="30d", help="Only calls since a time or an age; else all."
)
@click.option("--model", help="Only calls that this model answered.")
@click.option(
    "--all", "is_all", is_flag=True, help="Also calls whose cost the provider itself told."
)
@DRY_RUN
@YES
@AS_JSON
@HOME
def command(
    *,
    since: datetime | None,
    model: str | None,
    is_all: bool,
    dry_run: bool,
    is_sure: bool,
    as_json: bool,
    home: Path | None,
) -> None:
    """Price stored calls again with the price list and price file of today.

    Each call at its own time, tier and region. A price that today's data does not have stays.
    """
    arguments: dict[str, object] = {"all": is_all, "model": model}
    arguments["since"] = None if since is None else since.isoformat()
    admin = open_admin(home)
    if dry_run or not is_sure:
        found = admin.run("reprice", {**arguments, "dry_run": True})
        if not as_json:
            _print_models(found)
        if dry_run or not found["changed"]:
            print_outcome(found, as_json=as_json, text=_text(found, "would change"))
            return
        confirm(_text(found, "would change"), is_sure=is_sure)
    done = admin.run("reprice", {**arguments, "actor": actor()})
    if is_sure and not as_json:
        _print_models(done)
    print_outcome(done, as_json=as_json, text=_text(done, "changed"))


def _text(outcome: dict[str, Any], verb: str) -> str:
    text = (
        f"{outcome['changed']:,} of {outcome['calls']:,} calls {verb}: "
        f"${outcome['before_usd']} → ${outcome['after_usd']} ({shown(outcome['prices'])})."
    )
    if outcome["kept"]:
        text += f" {outcome['kept']:,} keep a price that today's data does not have."
    return text


def _print_models(outcome: dict[str, Any]) -> None:
    changed = [each for each in outcome["models"] if each["changed"] or each["kept"]]
    if not changed:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model")
    table.add_column("provider")
    columns = ("calls", "changed", "before_usd", "after_usd", "unpriced_before", "unpriced_after")
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right")
    for each in changed:
        names = (Text(shown(each[name] or "-")) for name in ("model", "provider"))
        table.add_row(*names, *(str(each[name]) for name in columns))
    console = Console()
    wide = console if console.is_terminal else Console(width=1_000)
    wide.print(table)
