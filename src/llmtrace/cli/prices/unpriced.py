"""``llmtrace prices unpriced``: what has no price, why, and the line that would give it one."""

from __future__ import annotations

import glob
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from llmtrace.cli.prices.options import AS_JSON, HOME, shown
from llmtrace.config import load_settings
from llmtrace.pricing import DEFAULT_FILE, load_price_book
from llmtrace.pricing.overrides import REQUEST_KINDS
from llmtrace.pricing.unit_prices import TOKEN_KINDS, UNIT_KINDS
from llmtrace.records import TokenUsage
from llmtrace.store import open_store
from llmtrace.store.queries import unpriced_calls
from llmtrace.store.row_text import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from llmtrace.pricing import PriceBook

_KNOWN: Final = {"mtok": TOKEN_KINDS, "request": REQUEST_KINDS, "unit": UNIT_KINDS}


@click.command()
@HOME
@AS_JSON
def unpriced(home: Path | None, *, as_json: bool) -> int:
    """List the stored calls without a price: why, and the line of prices.yaml that would fix it."""
    book = load_price_book(load_settings(home=home))
    with open_store(home) as store:
        rows = unpriced_calls(store).to_pylist()
    found = [diagnosis(row, book) for row in rows]
    if as_json:
        click.echo(json_text(found))
        return 0
    _print_unpriced(found)
    return 0


def diagnosis(row: dict[str, Any], book: PriceBook) -> dict[str, object]:
    """Say why calls of one model and tier have no price, and what to write so that they get one."""
    model, provider = row["model"], row["provider"] or ""
    reason, fix = _why(row, book), None
    if reason is None:
        reason = "there is a price now: new calls get it, stored ones keep what was known then"
    elif model and row["counted_calls"]:
        fix = yaml_line(
            model,
            provider,
            row["service_tier"],
            _needed(row),
            requests=row["requests"],
            units=row["units"],
        )
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
        requests=dict.fromkeys(row["requests"], 1),
        units=dict.fromkeys(row["units"], Decimal(1)),
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
        "input": row["input_tokens"] or not (row["requests"] or row["units"]),
        "output": row["output_tokens"],
        "cache_read": row["cache_read_tokens"],
        "cache_write": row["cache_write_tokens"],
    }
    return [kind for kind, is_needed in kinds.items() if is_needed]


def yaml_line(
    model: str,
    provider: str,
    tier: str | None,
    kinds: list[str],
    *,
    requests: Sequence[str] = (),
    units: Sequence[str] = (),
) -> str:
    """Return an entry for a price file with a ``?`` for each price, which ``check`` refuses.

    The names come from spans: they are quoted as JSON, which is YAML, and their ``*`` are literal.
    """
    parts = [f"model: {json.dumps(glob.escape(model))}"]
    if provider:
        parts.append(f"provider: {json.dumps(provider)}")
    if tier:
        parts.append(f"tier: {json.dumps(tier)}")
    tables = {"mtok": kinds, "request": requests, "unit": units}
    for table, names in tables.items():
        known = [name for name in names if name in _KNOWN[table]]
        if known:
            prices = ", ".join(f'{name}: "?"' for name in known)
            parts.append(f"usd_per_{table}: {{{prices}}}")
    return f"- {{{', '.join(parts)}}}"


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
            *(Text("-" if cell is None else shown(str(cell))) for cell in cells),
            *(f"{row[name]:,}" for name in ("calls", "input_tokens", "output_tokens")),
            Text(shown(str(row["reason"]))),
        )
    console = Console()
    console.print(table, width=None if console.is_terminal else 10_000)
    fixes = [str(row["fix"]) for row in found if row["fix"]]
    if fixes:
        click.echo(f"\nto price them, put these lines in {DEFAULT_FILE} with prices for the ?:\n")
        click.echo("\n".join(fixes))
