"""``llmtrace retention``: delete contents and spans that are older than an age."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmtrace.cli.prices.options import AS_JSON, HOME
from llmtrace.cli.upkeep import DRY_RUN, YES, actor, age, confirm, counted, print_outcome
from llmtrace.clock import SystemClock
from llmtrace.store.admin import open_admin

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from llmtrace.store.admin import Admin


@click.command(name="retention")
@click.option(
    "--payloads",
    callback=age,
    metavar="30d",
    help="Delete bodies, events and attributes with content that are older.",
)
@click.option(
    "--spans", callback=age, metavar="400d", help="Delete spans that are older, with all of theirs."
)
@DRY_RUN
@YES
@AS_JSON
@HOME
def command(
    payloads: timedelta | None,
    spans: timedelta | None,
    *,
    dry_run: bool,
    is_sure: bool,
    as_json: bool,
    home: Path | None,
) -> None:
    """Delete what is older than an age: contents sooner, figures later.

    \b
    Example: llmtrace retention --payloads 30d --spans 400d
    The file gets smaller only by `llmtrace compact`. Dead letters stay (llmtrace deadletter).
    """  # noqa: D301  # click wants the backspace itself, not a backslash and a b
    if payloads is None and spans is None:
        raise click.UsageError("give an age: --payloads 30d, --spans 400d, or both")
    arguments = _arguments(payloads, spans)
    admin = open_admin(home)
    if dry_run or not is_sure:
        found = admin.run("retention", {**arguments, "dry_run": True})
        text = _text(found, "would go")
        if dry_run:
            print_outcome(found, as_json=as_json, text=text)
            return
        confirm(text, is_sure=is_sure)
    _delete(admin, arguments, as_json=as_json)


def _delete(admin: Admin, arguments: dict[str, object], *, as_json: bool) -> None:
    done = admin.run("retention", {**arguments, "actor": actor()})
    print_outcome(done, as_json=as_json, text=_text(done, "deleted"))


def _arguments(payloads: timedelta | None, spans: timedelta | None) -> dict[str, object]:
    now = SystemClock().now()
    ages = {"payloads_before": payloads, "spans_before": spans}
    return {name: (now - age).isoformat() for name, age in ages.items() if age is not None}


def _text(outcome: dict[str, object], verb: str) -> str:
    gone = outcome["deleted"]
    text = f"{verb}: {counted(gone)}."  # pyright: ignore[reportArgumentType]  # the operation's own figures
    if outcome.get("calls"):
        text += f" With them {outcome['calls']} calls of ${outcome['cost_usd'] or 0} leave reports."
    return text
