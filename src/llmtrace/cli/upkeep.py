"""What the commands that keep a store share: ages, confirmation, who asks, how an outcome is shown.

Nothing is deleted without ``--yes`` or a yes typed at a terminal.
"""

from __future__ import annotations

import getpass
import re
import socket
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from llmtrace.clock import SystemClock
from llmtrace.store.row_text import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE: Final = re.compile(r"(\d{1,6})([mhdw])")

YES: Final = click.option("--yes", "is_sure", is_flag=True, help="Do not ask before it is done.")
DRY_RUN: Final = click.option(
    "--dry-run", is_flag=True, help="Only say what would be done; change nothing."
)


def age(ctx: click.Context, parameter: click.Parameter, value: str | None) -> timedelta | None:
    """Read a length of time as ``30d``: minutes, hours, days or weeks."""
    if value is None:
        return None
    found = _AGE.fullmatch(value.strip())
    if found is None:
        message = f"{value!r} is no age; write 90m, 12h, 30d or 8w"
        raise click.BadParameter(message, ctx=ctx, param=parameter)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def moment(ctx: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """Read a time in UTC: ``2026-11-01``, ``2026-11-01T08:00``, or an age before now as ``30d``."""
    if value is None:
        return None
    if _AGE.fullmatch(value.strip()):
        return SystemClock().now() - (age(ctx, parameter, value) or timedelta())
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        message = f"{value!r} is no time; write 2026-11-01, 2026-11-01T08:00, or an age as 30d"
        raise click.BadParameter(message, ctx=ctx, param=parameter) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def confirm(question: str, *, is_sure: bool) -> None:
    """Return if it may be done. Raises UsageError where nobody can be asked, Abort for a no."""
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Nothing was changed; say so with --yes")
    click.confirm(f"{question} Go on?", abort=True, err=True)


def actor() -> str:
    """Say for the audit who asks: user and machine."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def print_outcome(outcome: Mapping[str, object], *, as_json: bool, text: str) -> None:
    """Print an outcome as JSON, or as ``text`` for people."""
    click.echo(json_text(dict(outcome)) if as_json else text)


def counted(numbers: Mapping[str, int]) -> str:
    """Return ``3 spans, 2 payloads``; what is 0 is left out."""
    told = [f"{number:,} {name.replace('_', ' ')}" for name, number in numbers.items() if number]
    return ", ".join(told) or "nothing"
