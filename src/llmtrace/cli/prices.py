"""``llmtrace prices``: what a model costs, if the price file is right, and what has no price.

Prices come from ``pricing``; here they are only shown.
"""

from __future__ import annotations

import glob
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from llmtrace.cli.sql import json_text
from llmtrace.clock import SystemClock
from llmtrace.config import load_settings
from llmtrace.errors import PriceFileError
from llmtrace.pricing import DEFAULT_FILE, load_overrides, load_price_book, price_file
from llmtrace.pricing.unit_prices import TOKEN_KINDS
from llmtrace.records import TokenUsage
from llmtrace.store import open_store
from llmtrace.store.queries import unpriced_calls

if TYPE_CHECKING:
    from llmtrace.pricing import PriceBook
    from llmtrace.pricing.book import Quote
    from llmtrace.pricing.unit_prices import Band

_home = click.option("--home", type=click.Path(path_type=Path), help="Instead of LLMTRACE_HOME.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(name="prices", no_args_is_help=True)
def command() -> None:
    """Show what a model costs, check your price file, list what has no price."""


@command.command()
@click.argument("model")
@click.option("--provider", help="Whose price; default: the maker of the model.")
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    help="UTC day or time of the call; default: now.",
)
@click.option("--tier", help="Service tier: flex, priority, fast, batch, …; default: standard.")
@_home
@_as_json
def show(
    model: str,
    provider: str | None,
    at: datetime | None,
    tier: str | None,
    home: Path | None,
    *,
    as_json: bool,
) -> int:
    """Show the unit prices of MODEL, your price file included. Exit 1 if it has none."""
    book = load_price_book(load_settings(home=home))
    moment = SystemClock().now() if at is None else at.replace(tzinfo=UTC)
    sellers = book.sellers(model)
    seller = provider or (sellers[0] if sellers else "")
    quote = book.quote(seller, model, moment, service_tier=tier)
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


@command.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@_home
@_as_json
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


@command.command()
@_home
@_as_json
def unpriced(home: Path | None, *, as_json: bool) -> int:
    """List the stored calls without a price: why, and the line of prices.yaml that would fix it."""
    book = load_price_book(load_settings(home=home))
    with open_store(home) as store:
        rows = unpriced_calls(store).to_pylist()
    found = [_diagnosis(row, book) for row in rows]
    if as_json:
        click.echo(json_text(found))
        return 0
    _print_unpriced(found)
    return 0


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
            }
            for band in bands
        ],
        "reason": quote.reason,
    }


def _print_quote(quote: Quote, title: str, at: datetime) -> None:
    click.echo(f"{title} on {at.date().isoformat()}, from {quote.price_version}")
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
    for kind, price in {**bands[0].prices.requests, "request": bands[0].prices.per_call}.items():
        if price or kind != "request":
            table.add_row(f"{kind} (USD each)", f"{price:f}")
    Console().print(table)


def _band_title(band: Band, count: int) -> str:
    if count == 1:
        return "price"
    if band.above_tokens == 0:
        return "short prompts"
    return f"prompts > {band.above_tokens:,} tokens"


def _diagnosis(row: dict[str, Any], book: PriceBook) -> dict[str, object]:
    """Say why calls of one model and tier have no price, and what to write so that they get one."""
    model, provider = row["model"], row["provider"] or ""
    reason, fix = _why(row, book), None
    if reason is None:
        reason = "there is a price now: new calls get it, stored ones keep what was known then"
    elif model and row["counted_calls"]:
        fix = yaml_line(model, provider, row["service_tier"], _needed(row))
    shown = ("provider", "model", "service_tier", "calls", "input_tokens", "output_tokens")
    told: dict[str, object] = {name: row[name] for name in (*shown, "last_seen")}
    return told | {"reason": reason, "fix": fix}


def _why(row: dict[str, Any], book: PriceBook) -> str | None:
    """Return why no price is found for such calls, None if one is found now."""
    if not row["counted_calls"]:
        return "the provider sent no usage, so there is nothing to price"
    cached = min(row["cache_read_tokens"], row["input_tokens"])
    written = min(row["cache_write_tokens"], row["input_tokens"] - cached)
    usage = TokenUsage(
        input_uncached=row["input_tokens"] - cached - written,
        cache_read=cached,
        cache_write_other=written,
        output_text=row["output_tokens"],
    )
    last_seen: datetime = row["last_seen"]
    return book.price(
        row["provider"] or "",
        row["model"],
        last_seen.replace(tzinfo=UTC),
        usage,
        service_tier=row["service_tier"],
    ).reason


def _needed(row: dict[str, Any]) -> list[str]:
    kinds = {
        "input": True,
        "output": row["output_tokens"],
        "cache_read": row["cache_read_tokens"],
        "cache_write": row["cache_write_tokens"],
    }
    return [kind for kind, is_needed in kinds.items() if is_needed]


def yaml_line(model: str, provider: str, tier: str | None, kinds: list[str]) -> str:
    """Return an entry for a price file with a ``?`` for each price, which ``check`` refuses.

    The names come from spans: they are quoted as JSON, which is YAML, and their ``*`` are literal.
    """
    parts = [f"model: {json.dumps(glob.escape(model))}"]
    if provider:
        parts.append(f"provider: {json.dumps(provider)}")
    if tier:
        parts.append(f"tier: {json.dumps(tier)}")
    prices = ", ".join(f'{kind}: "?"' for kind in kinds)
    return f"- {{{', '.join(parts)}, usd_per_mtok: {{{prices}}}}}"


def _print_unpriced(found: list[dict[str, object]]) -> None:
    if not found:
        click.echo("every stored call has a price")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("model", "provider", "tier"):
        table.add_column(name)
    for name in ("calls", "input tokens", "output tokens"):
        table.add_column(name, justify="right")
    table.add_column("why")
    for row in found:
        cells = [row[name] for name in ("model", "provider", "service_tier")]
        table.add_row(
            *(Text("-" if cell is None else _shown(str(cell))) for cell in cells),
            *(f"{row[name]:,}" for name in ("calls", "input_tokens", "output_tokens")),
            Text(_shown(str(row["reason"]))),
        )
    console = Console()
    console.print(table, width=None if console.is_terminal else 10_000)
    fixes = [str(row["fix"]) for row in found if row["fix"]]
    if fixes:
        click.echo(f"\nto price them, put these lines in {DEFAULT_FILE} with prices for the ?:\n")
        click.echo("\n".join(fixes))


def _shown(text: str) -> str:
    """Return text that came from a span without what a terminal would obey."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:200]
