"""``llmtrace prices``: what a model costs, what is wrong, what is new, what is missing.

Prices come from ``pricing``; here they are only shown, and newer ones fetched when asked for.
"""

from __future__ import annotations

import click

from llmtrace.cli.prices.check import check
from llmtrace.cli.prices.diff import diff
from llmtrace.cli.prices.show import show
from llmtrace.cli.prices.unpriced import unpriced, yaml_line
from llmtrace.cli.prices.update import update

__all__ = ["command", "yaml_line"]


@click.group(name="prices", no_args_is_help=True)
def command() -> None:
    """Show and check prices, update the price list, list what has no price."""


for each in (show, check, update, diff, unpriced):
    command.add_command(each)
