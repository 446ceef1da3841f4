"""``llmtrace run app.py``: instrument a program without touching its code.

The program runs in this very process as ``__main__``, with its own ``sys.argv`` and ``sys.path``,
so that its exit code, output and signals are its own.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmtrace.instrument import instrument

if TYPE_CHECKING:
    from types import TracebackType


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-m", "is_module", is_flag=True, help="PROGRAM is a module name, as in python -m.")
@click.argument("program")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(program: str, arguments: tuple[str, ...], *, is_module: bool) -> None:
    """Run PROGRAM with its ARGUMENTS, instrumented.

    Settings come from the environment (LLMTRACE_HOME, LLMTRACE_SERVICE, …).
    """
    path = Path(program)
    if not is_module and not path.is_file():
        raise click.UsageError(
            f"there is no file {program!r}; for a module type: llmtrace run -m …"
        )
    instrument()
    sys.argv = [program, *arguments]
    sys.path.insert(0, "" if is_module else str(path.resolve().parent))
    try:
        if is_module:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(program, run_name="__main__")
    except Exception as error:  # noqa: BLE001  # it is the program's: shown as Python would show it
        error.__traceback__ = _programs_part(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        raise SystemExit(1) from None


def _programs_part(traceback: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the program's first line on; None if it did not get that far."""
    while traceback is not None and traceback.tb_frame.f_globals.get("__name__") != "__main__":
        traceback = traceback.tb_next
    return traceback
