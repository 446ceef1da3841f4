"""``llmtrace replay``: send a stored call again through the real SDK, and compare the answers.

Exit code 0: the same answer; 1: another one. The replayed call is recorded like any other, with the
feature ``replay`` and the tag ``replay_of``, because it costs money too.
"""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmtrace.cli.upkeep import actor
from llmtrace.clock import SystemClock
from llmtrace.config import load_settings
from llmtrace.errors import ReplayError
from llmtrace.instrument import flush, instrument, uninstrument
from llmtrace.instrument.attribution import attribute
from llmtrace.replay import wording
from llmtrace.replay.again import (
    ReplayRequest,
    override_of,
    plan_of,
    present_prices,
    replay_again,
    usd_of,
)
from llmtrace.replay.run import TIMEOUT_S
from llmtrace.replay.source import find_call
from llmtrace.store import open_store
from llmtrace.store.admin import noted
from llmtrace.store.row_text import json_text

if TYPE_CHECKING:
    from collections.abc import Generator
    from decimal import Decimal

    from llmtrace.replay.compare import Comparison
    from llmtrace.replay.plan import ReplayPlan


def _amount(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Decimal | None:
    if value is None:
        return None
    try:
        return usd_of(value)
    except ReplayError as error:
        raise click.BadParameter(str(error), ctx=ctx, param=parameter) from None


@click.command(name="replay")
@click.argument("span_id")
@click.option("--model", help="Another model than the stored call's.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a parameter; VALUE is JSON or text, null takes it out, NAME may be outer.inner.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be sent, and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--max-usd", metavar="USD", callback=_amount, help="Refuse if it may cost more than this."
)
@click.option("--base-url", help="Where to send it, instead of where the SDK sends by itself.")
@click.option("--allow-redacted", is_flag=True, help="Send it though its prompt was redacted.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    default=TIMEOUT_S,
    show_default=True,
    help="Seconds the provider may take.",
)
@click.option("--no-record", is_flag=True, help="Do not record the replayed call.")
@click.option("--home", type=click.Path(path_type=Path), help="Instead of LLMTRACE_HOME.")
def command(  # noqa: PLR0913  # one parameter an option
    span_id: str,
    model: str | None,
    overrides: tuple[str, ...],
    *,
    dry_run: bool,
    as_json: bool,
    max_usd: Decimal | None,
    base_url: str | None,
    allow_redacted: bool,
    timeout_s: float,
    no_record: bool,
    home: Path | None,
) -> int:
    """Send the stored call SPAN_ID again and compare: answer, tokens, cost, latency.

    SPAN_ID is 16 hex digits, or enough of their beginning. The key is the SDK's own
    (OPENAI_API_KEY, ANTHROPIC_API_KEY).
    """
    request = ReplayRequest(
        model=model,
        overrides=dict(_override(text) for text in overrides),
        max_usd=max_usd,
        base_url=base_url,
        allow_redacted=allow_redacted,
        timeout_s=timeout_s,
    )
    clock = SystemClock()
    with open_store(home) as store:
        call = find_call(store, span_id)
    settings = load_settings(home=home)
    price = present_prices(settings, clock)
    plan = plan_of(call, request, price)
    for warning in plan.warnings:
        click.echo(f"warning: {warning}", err=True)
    if dry_run:
        _print_plan(plan, base_url, as_json=as_json)
        return 0
    recording = None if no_record else _recorded(plan.span_id, home)
    # Names of parameters alone: a value may be a prompt.
    told = {"span": plan.span_id, "model": plan.model, "parameters": sorted(request.overrides)}
    with noted(settings, actor(), "replay", told) as outcome:
        found = replay_again(call, plan, request, price=price, clock=clock, recording=recording)
        outcome["cost_usd"] = found.after.cost_usd
        if as_json:
            click.echo(json_text({"span_id": plan.span_id, **_plain(found)}))
        else:
            _print_comparison(plan, found)
    return 0 if found.is_same else 1


def _override(text: str) -> tuple[str, object]:
    try:
        return override_of(text)
    except ReplayError as error:
        raise click.UsageError(f"--set {error}") from None


@contextmanager
def _recorded(span_id: str, home: Path | None) -> Generator[None, None, None]:
    instrument(home=home)
    try:
        with attribute(feature="replay", replay_of=span_id):
            yield
    finally:
        flush()
        uninstrument()


def _plain(found: Comparison) -> dict[str, object]:
    plain = dataclasses.asdict(found)
    plain["diff"] = list(found.diff)
    for side in ("before", "after"):
        plain[side]["finish_reasons"] = list(plain[side]["finish_reasons"])
    return plain


def _print_plan(plan: ReplayPlan, base_url: str | None, *, as_json: bool) -> None:
    if as_json:
        plain = dataclasses.asdict(plan)
        plain |= {"changes": list(plan.changes), "warnings": list(plan.warnings)}
        click.echo(json_text({**plain, "base_url": base_url}))
        return
    for line in wording.plan_lines(plan, base_url):
        click.echo(_visible(line))
    lines = wording.body_lines(plan)
    click.echo("\n".join(_visible(line) for line in lines[: wording.PREVIEW_LINES]))
    if len(lines) > wording.PREVIEW_LINES:
        left = len(lines) - wording.PREVIEW_LINES
        click.echo(f"… {left} more lines; --json shows all", err=True)


def _print_comparison(plan: ReplayPlan, found: Comparison) -> None:
    for change in plan.changes:
        click.echo(f"changed   {_visible(change)}")
    click.echo(f"stored    {_visible(wording.side_line(found.before))}")
    click.echo(f"replayed  {_visible(wording.side_line(found.after))}")
    click.echo(f"answer    {wording.verdict(found)}")
    if found.diff:
        click.echo("\n".join(_visible(line) for line in found.diff))


def _visible(text: str) -> str:
    """Return text without what a terminal would obey: answers come from outside."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
