"""``llmtrace replay``: send a stored call again through the real SDK, and compare the answers.

Exit code 0: the same answer; 1: another one. The replayed call is recorded like any other, with the
feature ``replay`` and the tag ``replay_of``, because it costs money too.
"""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from llmtrace.clock import SystemClock
from llmtrace.config import load_settings
from llmtrace.instrument import flush, instrument, uninstrument
from llmtrace.instrument.attribution import attribute
from llmtrace.pricing import load_price_book
from llmtrace.replay.compare import compare, replayed_side, stored_side
from llmtrace.replay.plan import check_budget, plan_replay
from llmtrace.replay.run import TIMEOUT_S, check_destination, send_again
from llmtrace.replay.source import find_call
from llmtrace.store import open_store
from llmtrace.store.row_text import json_text

if TYPE_CHECKING:
    from llmtrace.clock import Clock
    from llmtrace.config import Settings
    from llmtrace.records import Cost, TokenUsage
    from llmtrace.replay.compare import Comparison, Side
    from llmtrace.replay.plan import Pricer, ReplayPlan
    from llmtrace.replay.run import Outcome

_PREVIEW_LINES: Final = 60


def _amount(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Decimal | None:
    """Read an amount in USD exactly: money is never a float here."""
    if value is None:
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        message = f"{value!r} is no amount in USD; write one as 0.05"
        raise click.BadParameter(message, ctx=ctx, param=parameter)
    return amount


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
    settings = load_settings(home=home)
    clock = SystemClock()
    with open_store(home) as store:
        call = find_call(store, span_id)
    price = _pricer(settings, clock)
    plan = plan_replay(
        call,
        price=price,
        model=model,
        overrides=dict(_override(text) for text in overrides),
        allow_redacted=allow_redacted,
    )
    for warning in plan.warnings:
        click.echo(f"warning: {warning}", err=True)
    if dry_run:
        _print_plan(plan, base_url, as_json=as_json)
        return 0
    check_destination(plan, base_url)
    if max_usd is not None:
        check_budget(plan, max_usd)
    outcome = _send(plan, clock, base_url, timeout_s, home, is_recorded=not no_record)
    found = compare(stored_side(call), replayed_side(plan, outcome, price))
    if as_json:
        click.echo(json_text({"span_id": plan.span_id, **_plain(found)}))
    else:
        _print_comparison(plan, found)
    return 0 if found.is_same else 1


def _pricer(settings: Settings, clock: Clock) -> Pricer:
    book = load_price_book(settings)

    def price(
        provider: str,
        model: str | None,
        consumed: TokenUsage,
        tier: str | None,
        reported_usd: Decimal | None,
    ) -> Cost:
        now = clock.now()
        return book.price(
            provider, model, now, consumed, service_tier=tier, reported_usd=reported_usd
        )

    return price


def _override(text: str) -> tuple[str, object]:
    name, separator, value = text.partition("=")
    if not separator or not all(name.split(".")):
        raise click.UsageError(f"--set {text!r}: write NAME=VALUE, as temperature=0")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _send(
    plan: ReplayPlan,
    clock: Clock,
    base_url: str | None,
    timeout_s: float,
    home: Path | None,
    *,
    is_recorded: bool,
) -> Outcome:
    if not is_recorded:
        return send_again(plan, clock=clock, base_url=base_url, timeout_s=timeout_s)
    instrument(home=home)
    try:
        with attribute(feature="replay", replay_of=plan.span_id):
            return send_again(plan, clock=clock, base_url=base_url, timeout_s=timeout_s)
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
    money = (
        f"about {_usd(plan.estimated_usd)} (the stored tokens, uncached, at today's prices)"
        if plan.estimated_usd is not None
        else f"unknown: {plan.estimate_note or 'the model has no price'}"
    )
    click.echo(f"would send {plan.api} to {base_url or 'the address that the SDK chooses'}")
    click.echo(f"model      {_visible(plan.model or '(none)')}")
    for change in plan.changes:
        click.echo(f"change     {_visible(change)}")
    click.echo(f"cost       {money}")
    lines = json.dumps(plan.body, ensure_ascii=False, indent=2).splitlines()
    click.echo("\n".join(_visible(line) for line in lines[:_PREVIEW_LINES]))
    if len(lines) > _PREVIEW_LINES:
        click.echo(f"… {len(lines) - _PREVIEW_LINES} more lines; --json shows all", err=True)


def _print_comparison(plan: ReplayPlan, found: Comparison) -> None:
    for change in plan.changes:
        click.echo(f"changed   {_visible(change)}")
    click.echo(_side_line("stored", found.before))
    click.echo(_side_line("replayed", found.after))
    if found.similarity_ratio is None:
        click.echo("answer    cannot be compared: the stored one was not captured whole")
    elif found.is_same:
        click.echo("answer    the same")
    else:
        click.echo(f"answer    differs, {found.similarity_ratio:.0%} alike")
        click.echo("\n".join(_visible(line) for line in found.diff))


def _side_line(name: str, side: Side) -> str:
    figures = [
        _visible(side.model or "?"),
        f"{_count(side.input_tokens)} tokens in",
        f"{_count(side.output_tokens)} out",
        _usd(side.cost_usd) if side.cost_usd is not None else "unpriced",
        f"{side.latency_ms:,.0f} ms" if side.latency_ms is not None else "? ms",
        _visible(", ".join(side.finish_reasons)) or "no finish reason",
    ]
    return f"{name:<9} {' · '.join(figures)}"


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else f"{tokens:,}"


def _usd(amount: Decimal) -> str:
    return f"${amount.normalize():f}"


def _visible(text: str) -> str:
    """Return text without what a terminal would obey: answers come from outside."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
