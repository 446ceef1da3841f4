"""``llmtrace what-if``: what stored calls would cost on other models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from llmtrace.clock import SystemClock
from llmtrace.config import load_settings
from llmtrace.pricing import load_price_book
from llmtrace.pricing.what_if import Assumptions, Candidate
from llmtrace.store import open_store
from llmtrace.store.metrics import MetricQuery
from llmtrace.store.row_text import json_text
from llmtrace.store.time_range import until_now
from llmtrace.store.visible import short_name
from llmtrace.store.what_if import what_if

if TYPE_CHECKING:
    from decimal import Decimal

    from llmtrace.pricing.what_if import Repriced
    from llmtrace.store.what_if import WhatIf


@click.command(name="what-if")
@click.option(
    "--model",
    "models",
    multiple=True,
    required=True,
    metavar="PROVIDER/MODEL",
    help="A model to price the calls on; may be given several times.",
)
@click.option("--last", default="7d", show_default=True, help="The time until now: 24h, 7d or 4w.")
@click.option("--of", "of_model", metavar="MODEL", help="Only calls of this model.")
@click.option("--no-caching", is_flag=True, help="As if nothing were read from or kept in a cache.")
@click.option("--standard-tier", is_flag=True, help="As if no call had a service tier.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--home", type=click.Path(path_type=Path), help="Instead of LLMTRACE_HOME.")
def command(**options: Any) -> int:
    """Price the stored calls on other models, exactly, at today's prices.

    Tokens are as counted by the models that were called; another tokenizer counts differently.
    """
    candidates = [_candidate(text) for text in options["models"]]
    now = SystemClock().now()
    start, end = until_now(options["last"], now)
    filters = {"model": (options["of_model"],)} if options["of_model"] else {}
    with open_store(options["home"]) as store:
        found = what_if(
            store,
            MetricQuery(measures=("requests",), start=start, end=end, filters=filters),
            load_price_book(load_settings(home=options["home"])),
            candidates,
            at=now,
            assumptions=Assumptions(
                caching="none" if options["no_caching"] else "measured",
                tiers="standard" if options["standard_tier"] else "measured",
            ),
        )
    if options["as_json"]:
        click.echo(json_text(_record(found)))
    else:
        _print(found)
    return 0


def _candidate(text: str) -> Candidate:
    provider, _, model = text.partition("/")
    if not provider or not model:
        raise click.UsageError(f"--model {text!r}: write PROVIDER/MODEL, as openai/gpt-5-mini")
    return Candidate(provider=provider, model=model)


def _record(found: WhatIf) -> dict[str, object]:
    return {
        "calls": found.calls,
        "charged_usd": found.charged_usd,
        "uncharged_calls": found.uncharged_calls,
        "silent_calls": found.silent_calls,
        "unread_calls": found.unread_calls,
        "candidates": [
            {
                "model": _name(each),
                "cost_usd": each.cost_usd,
                "priced_calls": each.priced_calls,
                "compared_calls": each.compared_calls,
                "before_usd": each.before_usd,
                "after_usd": each.after_usd,
                "delta_usd": each.delta_usd,
                "context_window": each.context_window,
                "too_long_calls": each.too_long_calls,
                "unpriced": dict(each.unpriced),
                "price_version": each.price_version,
            }
            for each in found.candidates
        ],
    }


def _print(found: WhatIf) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column("model", overflow="fold")
    for name in ("cost there", "calls priced", "compared: was", "there", "change", "do not fit"):
        table.add_column(name, justify="right")
    for each in found.candidates:
        is_compared = bool(each.compared_calls)
        table.add_row(
            short_name(_name(each)),
            _usd(each.cost_usd),
            f"{each.priced_calls:,} of {each.calls:,}",
            _usd(each.before_usd) if is_compared else "-",
            _usd(each.after_usd) if is_compared else "-",
            _usd(each.delta_usd) if is_compared else "-",
            "?" if each.too_long_calls is None else f"{each.too_long_calls:,}",
        )
    Console().print(table)
    cost = _usd(found.charged_usd)
    click.echo(f"{found.calls:,} calls cost {cost}; {found.silent_calls:,} of them told no tokens")
    if found.unread_calls:
        click.echo(f"{found.unread_calls:,} calls with fees or units are left out", err=True)
    for each in found.candidates:
        for why, count in each.unpriced.most_common():
            click.echo(f"{short_name(_name(each))}: {count:,} calls: {short_name(why)}", err=True)


def _name(each: Repriced) -> str:
    return f"{each.candidate.provider}/{each.candidate.model}"


def _usd(amount: Decimal | None) -> str:
    if amount is None:
        return "unpriced"
    return f"{'-' if amount < 0 else ''}${abs(amount):,.4f}"
