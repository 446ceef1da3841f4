"""``llmtrace report``: what was spent, on what, for whom; exact to the last digit there is."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from llmtrace.clock import Clock, SystemClock
from llmtrace.store import open_store
from llmtrace.store.comparison import share
from llmtrace.store.metric_definitions import DIMENSIONS
from llmtrace.store.metric_time import period_start
from llmtrace.store.metrics import MetricQuery, run_metrics
from llmtrace.store.time_range import until_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmtrace.store.reading import Store

MEASURES: Final = (
    "requests",
    "errors",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cost",
)
_NO_VALUE: Final = "(none)"
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a range of time cost, by one dimension, the dearest first."""

    by: str
    start: datetime
    end: datetime
    rows: list[dict[str, Any]]
    """The dimension (None: has none), ``MEASURES``, ``unpriced_count``, and ``share`` of the
    cost (0 to 1, None if unknown). Cost is None where nothing is priced."""
    total: dict[str, Any]
    """The same of all calls, without the dimension."""
    unpriced: list[tuple[str | None, int]]
    """Models that have no price, and how many calls."""


@click.command(name="report")
@click.option("--last", "last", metavar="7d", help="The time until now: 90m, 24h, 7d or 4w.")
@click.option("--today", "period", flag_value="day", help="Since midnight in --timezone.")
@click.option("--month", "period", flag_value="month", help="Since the first of the month.")
@click.option(
    "--by",
    default="model",
    show_default=True,
    help=f"One of {', '.join(DIMENSIONS)} or tag.<key>.",
)
@click.option("--timezone", default="UTC", show_default=True, help="IANA name, for days.")
@click.option("--json", "form", flag_value="json", help="Print one JSON object.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV with a header.")
@click.option("--home", type=click.Path(path_type=Path), help="Instead of LLMTRACE_HOME.")
def command(
    last: str | None,
    period: str | None,
    by: str,
    timezone: str,
    form: str | None,
    home: Path | None,
) -> None:
    """Print what was spent, by model, user, feature, …; the last 7 days if nothing else is said."""
    if last is not None and period is not None:
        raise click.UsageError("give one of --last, --today, --month")
    start, end = time_range(last, period, timezone, clock=SystemClock())
    store = open_store(home)
    try:
        report = make_report(store, by=by, start=start, end=end, timezone=timezone)
    finally:
        store.close()
    {"json": _print_json, "csv": _print_csv}.get(form or "", _print_table)(report)


def time_range(
    last: str | None, period: str | None, timezone: str, *, clock: Clock
) -> tuple[datetime, datetime]:
    """Return start and end that the options mean; the end is a second ahead, to take in all.

    Raises QueryError for a length that is none, or reaches beyond the calendar.
    """
    now = clock.now()
    end = now + timedelta(seconds=1)
    if period == "day":
        return period_start(now, "day", timezone), end
    if period == "month":
        return period_start(now, "month", timezone), end
    return until_now(last or "7d", now)


def make_report(
    store: Store, *, by: str, start: datetime, end: datetime, timezone: str = "UTC"
) -> Report:
    """Ask the metric layer. Raises QueryError for an unknown dimension, StoreError."""

    def ask(measures: tuple[str, ...], **settings: Any) -> list[dict[str, Any]]:
        query = MetricQuery(measures=measures, start=start, end=end, timezone=timezone, **settings)
        return run_metrics(store, query).to_pylist()

    rows = ask(MEASURES, by=(by,), order_by=("-cost", "-requests"))
    (total,) = ask(MEASURES)
    models = ask(("unpriced_count",), by=("model",), order_by=("-unpriced_count",))
    return Report(
        by=by,
        start=start,
        end=end,
        rows=[{**row, "share": share(row["cost"], total["cost"])} for row in rows],
        total=total,
        unpriced=[(row["model"], row["unpriced_count"]) for row in models if row["unpriced_count"]],
    )


def _print_table(report: Report) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold", footer_style="bold")
    total = report.total
    table.add_column(report.by.capitalize(), "Total", overflow="fold")
    for title, footer in (
        ("Requests", _count(total["requests"])),
        ("Errors", _count(total["errors"])),
        ("Input", _count(total["input_tokens"])),
        ("Cached", _count(total["cache_read_tokens"])),
        ("Output", _count(total["output_tokens"])),
        ("Cost", _money(total["cost"], total["unpriced_count"])),
        ("Share", ""),
    ):
        table.add_column(title, footer, justify="right")
    table.show_footer = bool(report.rows)
    for row in report.rows:
        table.add_row(
            Text(_visible(_NO_VALUE if row[report.by] is None else row[report.by])),
            _count(row["requests"]),
            _count(row["errors"]),
            _count(row["input_tokens"]),
            _count(row["cache_read_tokens"]),
            _count(row["output_tokens"]),
            _money(row["cost"], row["unpriced_count"]),
            "-" if row["share"] is None else f"{row['share']:.1%}",
        )
    # Into a file or a pipe a table goes unshortened, whatever the width of no terminal is.
    console = Console(width=None if sys.stdout.isatty() else 10_000)
    console.print(f"{report.start:%Y-%m-%d %H:%M} to {report.end:%Y-%m-%d %H:%M} UTC", style="dim")
    console.print(table)
    if not report.rows:
        click.echo("no calls in this time; try --last 30d, or see llmtrace doctor", err=True)
    _say_unpriced(report.unpriced)


def _print_json(report: Report) -> None:
    content = {
        "start": report.start.isoformat(),
        "end": report.end.isoformat(),
        "by": report.by,
        "rows": report.rows,
        "total": report.total,
        "unpriced": [{"model": model, "calls": calls} for model, calls in report.unpriced],
    }
    # Money is text: a JSON number becomes a float in most readers, and is exact no more.
    click.echo(json.dumps(content, indent=1, ensure_ascii=False, default=_json_value))


def _print_csv(report: Report) -> None:
    names = [report.by, *MEASURES, "unpriced_count", "share"]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in report.rows:
        writer.writerow([_csv_cell(row[name]) for name in names])


def _say_unpriced(unpriced: Sequence[tuple[str | None, int]]) -> None:
    if not unpriced:
        return
    calls = sum(count for _, count in unpriced)
    names = ", ".join(_visible(model or _NO_VALUE) for model, _ in unpriced[:5])
    more = f" and {len(unpriced) - 5} more" if len(unpriced) > 5 else ""
    click.echo(
        f"{calls} call{'' if calls == 1 else 's'} of {names}{more} without a price: the cost is a "
        "lower bound. Put prices into prices.yaml in LLMTRACE_HOME; see llmtrace prices",
        err=True,
    )


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _money(amount: Decimal | None, unpriced: int) -> str:
    """Return all digits, at least two decimals; ``≥`` where some calls have no price."""
    if amount is None:
        return "unpriced" if unpriced else "-"
    whole, _, fraction = f"{amount:,f}".partition(".")
    return f"{'≥ ' if unpriced else ''}${whole}.{fraction.rstrip('0').ljust(2, '0')}"


def _csv_cell(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"  # a spreadsheet would run it
    return "" if value is None else value


def _json_value(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _visible(text: str) -> str:
    """Show control and direction characters as escapes: a terminal would obey them."""
    return "".join(
        character if character.isprintable() else f"\\u{ord(character):04x}" for character in text
    )
