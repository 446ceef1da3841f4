"""``llmtrace prices show``: the unit prices of a model, the user's file included."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from llmtrace.cli.prices.options import AS_JSON, HOME
from llmtrace.clock import SystemClock
from llmtrace.config import load_settings
from llmtrace.pricing import load_price_book
from llmtrace.pricing.unit_prices import TOKEN_KINDS
from llmtrace.store.row_text import json_text

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.pricing.book import Quote
    from llmtrace.pricing.unit_prices import Band


@click.command()
@click.argument("model")
@click.option("--provider", help="Whose price; default: the maker of the model.")
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    help="UTC day or time of the call; default: now.",
)
@click.option("--tier", help="Service tier: flex, priority, fast, batch, …; default: standard.")
@click.option("--region", help="Where it is served: us, eu, us-east-1, …; default: anywhere.")
@HOME
@AS_JSON
def show(
    model: str,
    provider: str | None,
    at: datetime | None,
    tier: str | None,
    region: str | None,
    home: Path | None,
    *,
    as_json: bool,
) -> int:
    """Show the unit prices of MODEL, your price file included. Exit 1 if it has none."""
    book = load_price_book(load_settings(home=home))
    moment = SystemClock().now() if at is None else at.replace(tzinfo=UTC)
    sellers = book.sellers(model)
    seller = provider or (sellers[0] if sellers else "")
    quote = book.quote(seller, model, moment, service_tier=tier, region=region)
    if quote.source == "unpriced" and not seller:
        quote = replace(quote, reason="no provider in the price list sells it; name a --provider")
    if as_json:
        click.echo(json_text(_quote_record(quote, seller, model, moment, tier)))
    elif quote.source == "unpriced":
        click.echo(f"{model} has no price: {quote.reason}")
    else:
        _print_quote(quote, f"{model} at {seller}" if seller else model, moment)
    if provider is None and len(sellers) > 1:
        click.echo(f"also sold by: {', '.join(sellers[1:])} (--provider)", err=True)
    return int(quote.source == "unpriced")


def _quote_record(
    quote: Quote, provider: str, model: str, at: datetime, tier: str | None
) -> dict[str, object]:
    bands = quote.schedule.bands if quote.schedule else ()
    return {
        "model": model,
        "provider": provider or None,
        "at": at.isoformat(),
        "tier": tier,
        "source": quote.source,
        "price_version": quote.price_version or None,
        "is_free": quote.schedule is None and quote.source != "unpriced",
        "bands": [
            {
                "above_tokens": band.above_tokens,
                "usd_per_mtok": {kind: getattr(band.prices, kind) for kind in TOKEN_KINDS},
                "usd_per_request": {**band.prices.requests, "request": band.prices.per_call},
                "usd_per_unit": dict(band.prices.units),
            }
            for band in bands
        ],
        "is_exact": quote.is_exact,
        "note": quote.note,
        "reason": quote.reason,
    }


def _print_quote(quote: Quote, title: str, at: datetime) -> None:
    click.echo(f"{title} on {at.date().isoformat()}, from {quote.price_version}")
    if quote.note:
        click.echo(quote.note)
    if quote.schedule is None:
        click.echo("free: 0 USD")
        return
    bands = quote.schedule.bands
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("USD per million tokens")
    for band in bands:
        table.add_column(_band_title(band, len(bands)), justify="right")
    for kind in TOKEN_KINDS:
        prices = [getattr(band.prices, kind) for band in bands]
        if any(price is not None for price in prices):
            table.add_row(kind, *("-" if price is None else f"{price:f}" for price in prices))
    first = bands[0].prices
    for kind, price in {**first.requests, **first.units, "request": first.per_call}.items():
        if price is not None and (price or kind != "request"):
            table.add_row(f"{kind} (USD each)", f"{price:f}")
    Console().print(table)


def _band_title(band: Band, count: int) -> str:
    if count == 1:
        return "price"
    if band.above_tokens == 0:
        return "short prompts"
    return f"prompts > {band.above_tokens:,} tokens"
