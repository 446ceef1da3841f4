"""``llmtrace export``: calls as Parquet, CSV, or one DuckDB file that proves a bill."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from llmtrace.cli.prices.options import AS_JSON, HOME
from llmtrace.cli.upkeep import actor, moment, print_outcome
from llmtrace.clock import SystemClock
from llmtrace.config import load_settings
from llmtrace.pricing import load_price_book
from llmtrace.store import open_store
from llmtrace.store.admin import noted
from llmtrace.store.evidence import write_evidence
from llmtrace.store.exporting import FILTERS, Selection, calls_of, new_file, write_parquet
from llmtrace.store.maintenance.backup import file_hash
from llmtrace.store.row_text import csv_cell, csv_line, harmless, records_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    import pyarrow as pa

_FORMS: Final = ("parquet", "csv", "duckdb")


def _filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for each filter."""
    for name in reversed(FILTERS):
        option = name.removesuffix("_id")
        add = click.option(f"--{option}", name, help=f"Only calls of this {option}.")
        command = add(command)
    return command


@click.command(name="export")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(_FORMS), help="Else by the ending of PATH's name."
)
@click.option(
    "--evidence",
    is_flag=True,
    help="One DuckDB file: calls, prices applied, sums, hashes, and how to check them.",
)
@click.option("--since", callback=moment, metavar="2026-11-01", help="From this time or age on.")
@click.option("--until", callback=moment, metavar="2026-12-01", help="Until before this time.")
@_filters
@click.option("--contents", is_flag=True, help="With bodies and messages; else figures alone.")
@AS_JSON
@HOME
def command(
    path: Path,
    *,
    form: str | None,
    evidence: bool,
    since: datetime | None,
    until: datetime | None,
    contents: bool,
    as_json: bool,
    home: Path | None,
    **filters: str | None,
) -> None:
    """Write the calls of a time to PATH, which must not exist. Times are UTC.

    Money is exact: decimals in Parquet and DuckDB, decimal text in CSV, where text that a
    spreadsheet would run as a formula gets a ' before it.
    """
    chosen = _form(path, form, is_evidence=evidence)
    selection = Selection(
        since=since,
        until=until,
        filters={name: value for name, value in filters.items() if value is not None},
        with_contents=contents,
    )
    settings = load_settings(home=home)
    told = {
        "format": chosen,
        "since": since,
        "until": until,
        "contents": contents,
        # Names alone: a value may be somebody's id.
        "filters": sorted(selection.filters),
    }
    with (
        open_store(home) as store,
        new_file(path) as partial,
        noted(settings, actor(), "export", told) as outcome,  # what is not audited is not kept
    ):
        schema, pieces = calls_of(store, selection)
        if chosen == "csv":
            rows = _write_csv(partial, schema, pieces)
        elif chosen == "parquet":
            rows = write_parquet(partial, schema, pieces)
        else:
            book = load_price_book(settings)
            about = {"made_at": SystemClock().now().isoformat(), "made_for": actor()}
            about |= {"from": store.where, "since": str(since), "until": str(until)}
            filtered = {**about, "filters": dict(selection.filters)}
            rows = write_evidence(partial, schema, pieces, book=book, about=filtered)
        outcome["calls"] = rows
    done: dict[str, object] = {"path": str(path), "format": chosen, "calls": rows}
    done |= {"bytes": path.stat().st_size, "sha256": file_hash(path)}
    text = f"{path}: {rows:,} calls, {done['bytes']:,} bytes\nsha256 {done['sha256']}"
    print_outcome(done, as_json=as_json, text=text)


def _form(path: Path, form: str | None, *, is_evidence: bool) -> str:
    if is_evidence and form in {None, "duckdb"}:
        return "duckdb"
    if is_evidence:
        raise click.UsageError(f"--evidence is a DuckDB file; leave --format {form} away")
    chosen = form or path.suffix.removeprefix(".").lower()
    if chosen not in _FORMS:
        raise click.UsageError(f"which format is {path.name}? Say --format {'|'.join(_FORMS)}")
    return chosen


def _write_csv(path: Path, schema: pa.Schema, pieces: Iterator[pa.Table]) -> int:
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(csv_line([harmless(name) for name in schema.names]) + "\r\n")
        for piece in pieces:
            for row in records_of(piece):
                file.write(csv_line([csv_cell(value) for value in row.values()]) + "\r\n")
            rows += piece.num_rows
    return rows
