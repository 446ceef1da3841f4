"""``llmtrace sql``: one SELECT, its rows as a table, JSON or CSV.

What came from models and users is data here, never terminal codes, markup or spreadsheet formulas.
"""

from __future__ import annotations

import sys
import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from llmtrace.store import TRUNCATED_KEY, open_store
from llmtrace.store.adhoc import DEFAULT_MAX_ROWS, DEFAULT_TIMEOUT_S
from llmtrace.store.row_text import (
    csv_cell,
    csv_line,
    digits,
    harmless,
    json_text,
    plain_text,
    records_of,
)

if TYPE_CHECKING:
    import pyarrow as pa

_LONGEST_CELL: Final = 300


@click.command(name="sql")
@click.argument("query", required=False)
@click.option(
    "-f",
    "--file",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="Read the query from a file (- is stdin).",
)
@click.option("--json", "form", flag_value="json", help="Print a JSON array, one object a row.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV with a header.")
@click.option(
    "--max-rows",
    type=click.IntRange(min=0),
    default=DEFAULT_MAX_ROWS,
    show_default=True,
    help="Rows at most; what was left off is said on stderr.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=DEFAULT_TIMEOUT_S,
    show_default=True,
    help="Seconds the query may take.",
)
@click.option("--home", type=click.Path(path_type=Path), help="Instead of LLMTRACE_HOME.")
def command(
    query: str | None,
    file: Path | None,
    form: str | None,
    max_rows: int,
    timeout: float,
    home: Path | None,
) -> None:
    """Ask the store in SQL: one SELECT (DuckDB's dialect), read only.

    \b
    Views: llm_calls, llm_calls_full, traces, sessions, daily_cost, errors, unpriced.
    Example: llmtrace sql "select model, sum(cost_usd) from llm_calls group by all"
    """  # noqa: D301  # click wants the backspace itself, not a backslash and a b
    with open_store(home) as store:
        rows = store.sql(_query(query, file), max_rows=max_rows, timeout_s=timeout)
    if form == "json":
        print_json(rows)
    elif form == "csv":
        print_csv(rows)
    else:
        print_table(rows)
    if TRUNCATED_KEY in (rows.schema.metadata or {}):
        click.echo(f"only the first {max_rows} rows are shown; see --max-rows", err=True)


def print_json(rows: pa.Table) -> None:
    """Print rows as a JSON array; decimals with all their digits, times as UTC."""
    lines = [json_text(row) for row in records_of(rows)]
    click.echo("[" + ",\n ".join(lines) + "]")


def print_csv(rows: pa.Table) -> None:
    """Print rows as CSV; text that a spreadsheet would run as a formula gets a ``'`` before it."""
    click.echo(csv_line([harmless(name) for name in rows.column_names]))
    for row in records_of(rows):
        click.echo(csv_line([csv_cell(value) for value in row.values()]))


def print_table(rows: pa.Table) -> None:
    """Print rows as a table for people; wider than the terminal, one column a line instead."""
    console = Console()
    records = records_of(rows)
    table = _table(rows, records)
    # Into a file or a pipe a table goes unshortened, whatever the width of no terminal is.
    wide = Console(width=_LONGEST_CELL * max(1, rows.num_columns))
    width = wide.measure(table).maximum
    if not console.is_terminal:
        wide.print(table, soft_wrap=True)
    elif width <= console.width:
        console.print(table)
    elif records:
        _print_records(console, records)
    else:
        console.print(Text(", ".join(_visible(name) for name in rows.column_names), style="bold"))
    click.echo(f"{rows.num_rows} row{'' if rows.num_rows == 1 else 's'}", err=True)


def _table(rows: pa.Table, records: list[dict[str, object]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows.column_names:
        is_number = any(isinstance(row[name], (int, float, Decimal)) for row in records)
        table.add_column(Text(_visible(name)), justify="right" if is_number else "left")
    for row in records:
        table.add_row(*(Text(_table_cell(value)) for value in row.values()))
    return table


def _print_records(console: Console, records: list[dict[str, object]]) -> None:
    """Print every row as lines of name and value: columns squeezed to nothing tell nothing."""
    longest = max(len(name) for name in records[0])
    for number, row in enumerate(records, start=1):
        console.print(Text(f"row {number}", style="bold"))
        for name, value in row.items():
            console.print(Text(f"  {_visible(name):<{longest}}  {_table_cell(value)}"))


def _query(query: str | None, file: Path | None) -> str:
    if (query is None) == (file is None):
        raise click.UsageError('give one query: llmtrace sql "select …", or -f FILE')
    if query is not None:
        return query
    if str(file) == "-":
        return sys.stdin.read()
    try:
        return cast("Path", file).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise click.UsageError(
            f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8"
        ) from error


def _table_cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, Decimal):
        return digits(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    text = _visible(plain_text(value))
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def _visible(text: str) -> str:
    """Show control and direction characters as escapes: a terminal would obey them."""
    if text.isprintable():
        return text
    return "".join(
        f"\\u{ord(character):04x}" if unicodedata.category(character)[0] == "C" else character
        for character in text
    )
