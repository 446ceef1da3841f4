"""``llmtrace import``: files of OTLP and exports of other tools, and a report of what was lost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from llmtrace.cli.prices.options import AS_JSON, HOME, shown
from llmtrace.config import load_settings
from llmtrace.otlp.imports import NAMES
from llmtrace.store.importing import import_files
from llmtrace.store.row_text import json_text

if TYPE_CHECKING:
    from llmtrace.otlp.imports.report import Report

_PROJECT: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UNREACHABLE: Final = 3


@click.command(name="import")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["auto", *NAMES]),
    default="auto",
    show_default=True,
    help="Which tool wrote the files; else each by the names of its fields.",
)
@click.option("--project", help="Record it with the spans, as a project's token does.")
@click.option("--dry-run", is_flag=True, help="Read, price and report; store nothing.")
@AS_JSON
@HOME
def command(
    files: tuple[Path, ...],
    *,
    form: str,
    project: str | None,
    dry_run: bool,
    as_json: bool,
    home: Path | None,
) -> int:
    """Take in what was recorded elsewhere: JSON, JSON lines, CSV, OTLP protobuf, Parquet.

    Works with and without a running collector. What was imported before is not stored twice. Costs
    are ours; what the file says of them is kept beside. Exit 1 if anything was lost, 3 if the store
    could not be reached.
    """
    if project is not None and not _PROJECT.fullmatch(project):
        raise click.UsageError(
            f"--project {project[:80]!r}: 1 to 64 letters, digits, dots, dashes or underscores"
        )
    report = import_files(
        files,
        load_settings(home=home),
        form=None if form == "auto" else form,
        project=project,
        is_dry_run=dry_run,
    )
    _print(report, as_json=as_json)
    if report.problem is not None:
        click.echo(
            f"llmtrace: the import ended early: {report.problem}; then run it again, nothing is "
            "stored twice",
            err=True,
        )
    if report.problem is not None or report.waiting:
        return _UNREACHABLE
    return 1 if report.is_lossy else 0


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        click.echo(json_text(report.as_dict()))
        return
    for line in report.as_text().splitlines():
        click.echo(_printable(line))


def _printable(line: str) -> str:
    """Return a line without what a terminal would obey: names and values are a file's."""
    return "".join(shown(line[start : start + 200]) for start in range(0, len(line), 200))
