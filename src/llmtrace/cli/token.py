"""``llmtrace token``: tokens with which projects send spans; they read nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmtrace.clock import SystemClock
from llmtrace.collector.tokens import changing_tokens, created, load_tokens, rotated
from llmtrace.config import load_settings
from llmtrace.errors import ConfigError

if TYPE_CHECKING:
    from llmtrace.config import Secret

_home = click.option("--home", type=click.Path(path_type=Path), help="Instead of LLMTRACE_HOME.")
_project = click.option("--project", required=True, metavar="NAME", help="Whose token it is.")


@click.group(name="token", no_args_is_help=True)
def command() -> None:
    """Make, list, rotate and revoke the tokens with which projects send spans."""


@command.command()
@_project
@_home
def create(project: str, home: Path | None) -> None:
    """Make a token and print it, once: only its hash is kept."""
    place = load_settings(home=home).home
    kept, word = created(project, SystemClock().now())
    with changing_tokens(place) as tokens:
        tokens.append(kept)
    _show(word)


@command.command()
@_project
@click.option(
    "--grace-hours",
    type=click.FloatRange(0, 8_760),
    default=24.0,
    show_default=True,
    help="How long the token before it stays valid.",
)
@_home
def rotate(project: str, grace_hours: float, home: Path | None) -> None:
    """Make a project's next token; its last one is valid beside it for a while."""
    place = load_settings(home=home).home
    grace = timedelta(hours=grace_hours)
    with changing_tokens(place) as tokens:
        tokens[:], word = rotated(tokens, project, SystemClock().now(), grace)
    _show(word)


@command.command()
@_project
@click.option("--id", "identity", help="Only the token of this id; see `llmtrace token list`.")
@_home
def revoke(project: str, identity: str | None, home: Path | None) -> None:
    """End a project's tokens at once."""
    place = load_settings(home=home).home
    with changing_tokens(place) as tokens:
        gone = [
            token
            for token in tokens
            if token.project == project and (identity is None or token.id == identity)
        ]
        if not gone:
            raise ConfigError(f"project {project!r} has no such token; see `llmtrace token list`")
        tokens[:] = [token for token in tokens if token not in gone]
    click.echo(f"revoked: {', '.join(token.id for token in gone)}", err=True)


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_home
def list_(home: Path | None, *, as_json: bool) -> None:
    """Show which tokens there are; never the tokens themselves."""
    now = SystemClock().now()
    rows = [
        {
            "id": token.id,
            "project": token.project,
            "created_at": token.created_at.isoformat(),
            "expires_at": None if token.expires_at is None else token.expires_at.isoformat(),
            "is_valid": token.is_valid(now),
        }
        for token in load_tokens(load_settings(home=home).home)
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        end = row["expires_at"] or "until revoked"
        state = "valid  " if row["is_valid"] else "expired"
        click.echo(f"{row['id']}  {state}  {row['project']}  since {row['created_at']}  {end}")
    if not rows:
        click.echo("no project has a token", err=True)


def _show(word: Secret) -> None:
    click.echo(word.reveal())
    click.echo("keep it now, it is not shown again: Authorization: Bearer <token>", err=True)
