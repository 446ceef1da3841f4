"""``llmtrace prices diff``: what another price list would change, in prices and in money."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from llmtrace.cli.prices.fetch import read_source
from llmtrace.cli.prices.options import AS_JSON, HOME, shown
from llmtrace.clock import SystemClock
from llmtrace.config import load_settings
from llmtrace.pricing import PriceBook, load_price_book
from llmtrace.pricing.comparison import compare_lists
from llmtrace.pricing.updates import install
from llmtrace.store import DATABASE_FILE, open_store
from llmtrace.store.repricing import MAX_CALLS, compare_costs
from llmtrace.store.row_text import json_text

if TYPE_CHECKING:
    from decimal import Decimal

    from llmtrace.pricing.comparison import ListDifference
    from llmtrace.store.repricing import ModelCosts

_DAYS = 30


@click.command()
@click.argument("source", required=False)
@HOME
@AS_JSON
def diff(source: str | None, home: Path | None, *, as_json: bool) -> int:
    """Compare the price list in use with SOURCE, an https:// URL or a file.

    Without SOURCE: the bundled list with the one in use. Says which models came, went or changed
    their price as of today, and what the calls of the last 30 days would have cost. Exit 1 if
    anything differs.
    """
    settings = load_settings(home=home)
    clock = SystemClock()
    now = clock.now()
    with tempfile.TemporaryDirectory(prefix="llmtrace-prices-") as folder:
        before, after = load_price_book(settings), load_price_book(settings)
        if source is None:
            before = PriceBook()
        else:
            raw = read_source(source, clock)
            after = PriceBook(None, install(Path(folder), raw, "offered", origin=source))
        found = compare_lists(before.listed(now), after.listed(now))
        costs, is_cut = [], False
        if (settings.home / DATABASE_FILE).is_file():
            with open_store(home) as store:
                since = now - timedelta(days=_DAYS)
                costs, is_cut = compare_costs(store, since, before, after)
    costs = [each for each in costs if _differs(each)]
    if as_json:
        click.echo(json_text(_record(found, costs, (before.version, after.version))))
    else:
        click.echo(f"{before.version} → {after.version}")
        _print(found, costs, is_cut=is_cut)
    return int(bool(found.added or found.removed or found.changed))


def _differs(costs: ModelCosts) -> bool:
    return costs.before_usd != costs.after_usd or costs.unpriced_before != costs.unpriced_after


def _record(
    found: ListDifference, costs: list[ModelCosts], versions: tuple[str, str]
) -> dict[str, object]:
    return {
        "before": versions[0],
        "after": versions[1],
        "added": ["/".join(key) for key in found.added],
        "removed": ["/".join(key) for key in found.removed],
        "changed": [asdict(change) for change in found.changed],
        f"last_{_DAYS}_days": [asdict(each) for each in costs],
    }


def _print(found: ListDifference, costs: list[ModelCosts], *, is_cut: bool) -> None:
    for sign, keys in (("+", found.added), ("-", found.removed)):
        for provider, model in keys:
            click.echo(f"{sign} {shown(provider)} {shown(model)}")
    for change in found.changed:
        click.echo(
            f"~ {shown(change.provider)} {shown(change.model)} {shown(change.kind)}: "
            f"{_usd(change.before)} → {_usd(change.after)}"
        )
    if not (found.added or found.removed or found.changed):
        click.echo("no difference")
    if not costs:
        return
    click.echo(f"\nthe calls of the last {_DAYS} days would have cost:")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("model", "provider"):
        table.add_column(name)
    for name in ("calls", "before USD", "after USD", "unpriced before", "unpriced after"):
        table.add_column(name, justify="right")
    for each in costs:
        table.add_row(
            Text(shown(each.model or "-")),
            Text(shown(each.provider or "-")),
            f"{each.calls:,}",
            f"{each.before_usd:.6f}",
            f"{each.after_usd:.6f}",
            f"{each.unpriced_before:,}",
            f"{each.unpriced_after:,}",
        )
    console = Console()
    console.print(table, width=None if console.is_terminal else 10_000)
    if is_cut:
        click.echo(f"only the newest {MAX_CALLS:,} calls were looked at", err=True)


def _usd(price: Decimal | None) -> str:
    return "none" if price is None else f"{price:f}"
