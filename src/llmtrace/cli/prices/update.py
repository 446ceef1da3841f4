"""``llmtrace prices update``: a newer price list, on purpose, pinned by its checksum."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from llmtrace.cli.prices.fetch import DEFAULT_URL, read_source
from llmtrace.cli.prices.options import HOME
from llmtrace.clock import SystemClock
from llmtrace.config import load_settings
from llmtrace.errors import PriceFileError
from llmtrace.pricing.updates import checksum, install, parse, roll_back

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.pricing.updates import InstalledPrices

_SHOWN_DIGITS: Final = 12


@click.command()
@click.argument("source", default=DEFAULT_URL)
@click.option("--sha256", help="What the file must be, in hex; anything else is refused.")
@click.option("--yes", is_flag=True, help="Use it without asking; its checksum is printed.")
@click.option("--version", help="What to call it; default: the day and the checksum's beginning.")
@click.option("--rollback", is_flag=True, help="Use the list before the one in use again.")
@HOME
def update(
    source: str,
    sha256: str | None,
    version: str | None,
    home: Path | None,
    *,
    yes: bool,
    rollback: bool,
) -> int:
    """Fetch a price list and use it from now on. SOURCE: an https:// URL or a file.

    Default SOURCE: where genai-prices publishes its data. Calls made from now on name the new list
    in price_version; stored ones keep theirs. The bundled list stays, and is used again after
    --rollback.
    """
    folder = load_settings(home=home).home
    if rollback:
        click.echo(f"in use: {_name(roll_back(folder))}")
        return 0
    clock = SystemClock()
    raw = read_source(source, clock)
    found = checksum(raw)
    if sha256 is not None and found != sha256.strip().lower():
        raise PriceFileError(f"SHA-256 is {found}, not {sha256.strip()[:64]}; nothing was changed")
    models = sum(len(provider.models) for provider in parse(raw, source))
    click.echo(f"{models:,} models, {len(raw):,} bytes, SHA-256 {found}")
    if sha256 is None and not yes and not _is_wanted():
        click.echo(f"not used; to use it: llmtrace prices update --sha256 {found}", err=True)
        return 1
    day = clock.now().date().isoformat()
    new = install(folder, raw, version or f"{day}-{found[:_SHOWN_DIGITS]}", origin=source)
    click.echo(f"in use: {_name(new)}")
    return 0


def _is_wanted() -> bool:
    return sys.stdin.isatty() and click.confirm("use it from now on?", default=False)


def _name(installed: InstalledPrices | None) -> str:
    return "the bundled prices" if installed is None else f"genai-prices {installed.version}"
