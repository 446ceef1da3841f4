"""``llmtrace report``: what was spent, on what, for whom; exact to the last digit there is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from llmtrace.alerts.delivery import receiver_of
from llmtrace.alerts.notify import GiveUp, RetryAfter, Sent
from llmtrace.alerts.notify.report_blocks import report_message
from llmtrace.alerts.rules import load_rules
from llmtrace.cli.report.forms import csv_text, print_table, to_csv, to_json
from llmtrace.clock import Clock, SystemClock
from llmtrace.config import load_settings
from llmtrace.errors import ConfigError
from llmtrace.reports.facts import make_report
from llmtrace.reports.focus import COLUMNS as FOCUS_COLUMNS
from llmtrace.reports.focus import showback
from llmtrace.reports.html import to_html
from llmtrace.reports.markdown import to_markdown
from llmtrace.reports.pdf import to_pdf
from llmtrace.reports.spans import Span, last_whole
from llmtrace.reports.wording import document
from llmtrace.store import open_store
from llmtrace.store.metric_definitions import DIMENSIONS
from llmtrace.store.metric_time import period_start
from llmtrace.store.time_range import until_now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from llmtrace.reports.facts import Report
    from llmtrace.reports.focus import Showback
    from llmtrace.reports.spans import Calendar

_TEXTS: Final[dict[str, Callable[[Report], str]]] = {
    "json": to_json,
    "csv": to_csv,
    "md": lambda report: to_markdown(document(report)),
    "html": lambda report: to_html(document(report)),
    "slack": lambda report: json.dumps(report_message(document(report)), indent=1) + "\n",
}
_FORMATS: Final = ("table", *_TEXTS, "focus", "pdf")
_UNCOMPARED: Final = frozenset({"table", "csv"})


@click.command(name="report")
@click.option("--last", "last", metavar="7d", help="The time until now: 90m, 24h, 7d or 4w.")
@click.option("--today", "period", flag_value="day", help="Since midnight in --timezone.")
@click.option("--month", "period", flag_value="month", help="Since the first of the month.")
@click.option(
    "--whole",
    type=click.Choice(("day", "week", "month")),
    help="The last day, week (from Monday) or month that is over.",
)
@click.option(
    "--by",
    default="model",
    show_default=True,
    help=f"One of {', '.join(DIMENSIONS)} or tag.<key>.",
)
@click.option("--timezone", default="UTC", show_default=True, help="IANA name, for days.")
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Default: table.")
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option("--csv", "form", flag_value="csv", help="The same as --format csv.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Instead of stdout."
)
@click.option("--send", metavar="RECEIVER", help="Send to a receiver of the rule file.")
@click.option("--rules", type=click.Path(path_type=Path), help="Rule file or folder, for --send.")
@click.option("--home", type=click.Path(path_type=Path), help="Instead of LLMTRACE_HOME.")
def command(**options: Any) -> int:
    """Print what was spent, by model, user, feature, …; the last 7 days if nothing else is said.

    With --send, exit 1 if it did not arrive.
    """
    form, output = options["form"] or "table", options["output"]
    if output is not None and form == "table":
        raise click.UsageError("--output needs a --format other than table")
    if output is None and form == "pdf" and sys.stdout.isatty():
        raise click.UsageError("a PDF is no text for a terminal; give --output report.pdf")
    if (options["send"] is None) != (options["rules"] is None):
        raise click.UsageError("--send and --rules go together; give both, or neither")
    span = _span(options["last"], options["period"], options["whole"], options["timezone"])
    with open_store(options["home"]) as store:
        if form == "focus":
            _write(_focus(showback(store, span)), output)
            return 0
        is_compared = form not in _UNCOMPARED or options["send"] is not None
        report = make_report(store, by=options["by"], span=span, is_compared=is_compared)
    if options["send"] is not None:
        return _send(report, options["send"], options["rules"], options["home"])
    if form == "table":
        print_table(report)
    else:
        _write(to_pdf(document(report)) if form == "pdf" else _TEXTS[form](report), output)
    return 0


def _send(report: Report, receiver: str, rules: Path, home: Path | None) -> int:
    notifier = receiver_of(load_rules(rules), receiver, home=load_settings(home=home).home)
    outcome = notifier.send(document(report))
    match outcome:
        case Sent():
            click.echo(f"{receiver}: sent")
            return 0
        case RetryAfter() | GiveUp():
            click.echo(f"{receiver}: not sent: {outcome.reason}")
            return 1


def _span(last: str | None, period: Calendar | None, whole: Calendar | None, timezone: str) -> Span:
    if sum(given is not None for given in (last, period, whole)) > 1:
        raise click.UsageError("give one of --last, --today, --month, --whole")
    clock = SystemClock()
    if whole is not None:
        return last_whole(whole, clock.now(), timezone)
    start, end = time_range(last, period, timezone, clock=clock)
    return Span(start=start, end=end, calendar=period, timezone=timezone)


def _focus(found: Showback) -> str:
    if found.unpriced:
        click.echo(
            f"{found.unpriced:,} call{'' if found.unpriced == 1 else 's'} without a price: their "
            f"cost is in no row, {found.left_out:,} day{'' if found.left_out == 1 else 's'} of a "
            "tenant and model are left out; see llmtrace prices unpriced",
            err=True,
        )
    return csv_text([FOCUS_COLUMNS, *found.rows])


def time_range(
    last: str | None, period: Calendar | None, timezone: str, *, clock: Clock
) -> tuple[datetime, datetime]:
    """Return start and end that the options mean; the end is a second ahead, to take in all.

    Raises QueryError for a length that is none, or reaches beyond the calendar.
    """
    now = clock.now()
    start, end = until_now(last or "7d", now)
    return (start if period is None else period_start(now, period, timezone)), end


def _write(content: str | bytes, output: Path | None) -> None:
    if output is None:
        click.echo(content, nl=False)
        return
    try:
        output.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"cannot write {output}: {reason}; give another --output") from error
