"""``llmtrace forget``: erase what is stored of a user, and say what could not be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmtrace.cli.prices.options import AS_JSON, HOME, shown
from llmtrace.cli.upkeep import DRY_RUN, YES, actor, confirm, counted, print_outcome
from llmtrace.store.admin import open_admin

if TYPE_CHECKING:
    from pathlib import Path


@click.command(name="forget")
@click.option("--user", required=True, help="The user's id, as the app gave it.")
@click.option("--tenant", help="Only this tenant's user of that id.")
@click.option(
    "--delete", "is_delete", is_flag=True, help="Remove the rows too; reports lose their money."
)
@DRY_RUN
@YES
@AS_JSON
@HOME
def command(
    *,
    user: str,
    tenant: str | None,
    is_delete: bool,
    dry_run: bool,
    is_sure: bool,
    as_json: bool,
    home: Path | None,
) -> int:
    """Erase contents and identifiers of a user; tokens and money stay, without a name.

    Exit 1 if a segment or dead letter beside the store, or an alert rule in force, still mentions
    the id: they are listed.
    Backups cannot be reached from here. `llmtrace compact` takes the bytes out of the file.
    """
    if not user:
        raise click.UsageError("--user is empty; give the id of one user")
    arguments: dict[str, object] = {"user": user, "tenant": tenant, "delete": is_delete}
    admin = open_admin(home)
    if dry_run or not is_sure:
        found = admin.run("forget", {**arguments, "dry_run": True})
        verb = "deleted" if is_delete else "made anonymous"
        text = f"{found['spans']:,} spans would be {verb}, {found['calls']:,} calls of "
        text += f"${found['cost_usd']} among them."
        if dry_run:
            print_outcome(found, as_json=as_json, text=text)
            return 0
        confirm(text, is_sure=is_sure)
    done = admin.run("forget", {**arguments, "actor": actor()})
    print_outcome(done, as_json=as_json, text=_text(done))
    return int(bool(done["still_mentioned_in"] or done["named_by_rules_in"]))


def _text(done: dict[str, Any]) -> str:
    figures = f"{done['calls']:,} calls of ${done['cost_usd']} were {done['rows']}"
    lines = [
        f"erased: {counted(done['erased'])}; {figures}.",
        "Run `llmtrace compact` to take the bytes out of the file. Backups were not touched.",
    ]
    if done["still_mentioned_in"]:
        lines.append("The id is still in:")
        lines += [f"  {shown(name)}{_advice(name)}" for name in done["still_mentioned_in"]]
    if done["named_by_rules_in"]:
        lines.append(
            "Alert rules in force name the id. Edit the file, start the collector with it, then "
            "forget once more, for the copy in the store:"
        )
        lines += [f"  {shown(path)}" for path in done["named_by_rules_in"]]
    if done["replaced_stores"]:
        lines.append("Stores that a restore put aside were not touched:")
        lines += [f"  {shown(name)}" for name in done["replaced_stores"]]
    return "\n".join(lines)


def _advice(name: str) -> str:
    if name.startswith("deadletter/"):
        return " (delete that file, or store it: llmtrace deadletter retry)"
    if name.startswith("forward/"):
        return " (goes when it is sent on and stored, or delete that file)"
    if name.startswith("wal/"):
        return " (goes when the collector begins its next segment, or stops)"
    return " (goes when the app that writes it begins its next segment, or ends)"
