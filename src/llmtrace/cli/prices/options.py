"""Options and output that the commands of ``llmtrace prices`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

HOME: Final = click.option(
    "--home", type=click.Path(path_type=Path), help="Instead of LLMTRACE_HOME."
)
AS_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def shown(text: str) -> str:
    """Return text that came from outside without what a terminal would obey."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:200]
