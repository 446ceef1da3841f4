"""The forms of a report that are for a terminal and for programs: table, JSON, CSV."""

from __future__ import annotations

import csv
import io
import json
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from llmtrace.reports.document import NO_VALUE
from llmtrace.reports.facts import MEASURES, MORE_MEASURES
from llmtrace.reports.wording import period
from llmtrace.store.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmtrace.reports.facts import Comparison, Report

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Also as the full-width characters of East Asian keyboards."""


def print_table(report: Report) -> None:
    """Print a table to stdout, what qualifies it to stderr."""
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
            Text(visible(NO_VALUE if row[report.by] is None else row[report.by])),
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
    console.print(period(report.span), style="dim")
    console.print(table)
    if not report.rows:
        click.echo("no calls in this time; try --last 30d, or see llmtrace doctor", err=True)
    _say_unpriced(report.unpriced)


def to_json(report: Report) -> str:
    """Return one JSON object; money is text, exact."""
    content = {
        "start": report.span.start.isoformat(),
        "end": report.span.end.isoformat(),
        "by": report.by,
        "rows": report.rows,
        "total": report.total,
        "unpriced": [{"model": model, "calls": calls} for model, calls in report.unpriced],
    }
    if report.comparison is not None:
        content["comparison"] = _comparison(report.comparison)
    # Money is text: a JSON number becomes a float in most readers, and is exact no more.
    return json.dumps(content, indent=1, ensure_ascii=False, default=_json_value) + "\n"


def _comparison(found: Comparison) -> dict[str, object]:
    return {
        "start": found.start.isoformat(),
        "end": found.end.isoformat(),
        "total": found.total,
        "change": found.change,
        "usual": {
            "verdict": found.usual.verdict,
            "low": found.usual.low,
            "high": found.usual.high,
            "periods": found.usual.periods,
        },
        "movers": [
            {"value": each.value, "before": each.before, "now": each.now, "change": each.change}
            for each in found.movers
        ],
    }


def to_csv(report: Report) -> str:
    """Return CSV with a header; money exact, unknown empty, formulas as text."""
    names = [report.by, *MEASURES, "unpriced_count", "share", *MORE_MEASURES, "cost_per_1k_tokens"]
    if report.comparison is not None:
        names += ["previous_cost", "change"]
    return csv_text([names, *([row[name] for name in names] for row in report.rows)])


def csv_text(lines: Sequence[Sequence[object]]) -> str:
    """Return CSV; a text that a spreadsheet would run as a formula gets an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_csv_cell(value) for value in line] for line in lines)
    return text.getvalue()


def _say_unpriced(unpriced: Sequence[tuple[str | None, int]]) -> None:
    if not unpriced:
        return
    calls = sum(count for _, count in unpriced)
    names = ", ".join(visible(model or NO_VALUE) for model, _ in unpriced[:5])
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
    if isinstance(value, str) and (
        value.lstrip().startswith(_FORMULA_STARTS) or value[:1] in {"\t", "\r", "\n"}
    ):
        return f"'{value}"  # a spreadsheet would run it
    return "" if value is None else value


def _json_value(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
