"""``llmtrace run app.py``: instrument a program without touching its code.

The program runs in this very process as ``__main__``, with its own ``sys.argv`` and ``sys.path``,
so that its exit code, output and signals are its own.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import click

from llmtrace.instrument import instrument


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-m", "is_module", is_flag=True, help="PROGRAM is a module name, as in python -m.")
@click.argument("program")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(program: str, arguments: tuple[str, ...], *, is_module: bool) -> None:
    """Run PROGRAM with its ARGUMENTS, instrumented.

    Settings come from the environment (LLMTRACE_HOME, LLMTRACE_SERVICE, …).
    """
    instrument()
    sys.argv = [program, *arguments]
    if is_module:
        sys.path.insert(0, "")
        runpy.run_module(program, run_name="__main__", alter_sys=True)
        return
    path = Path(program)
    if not path.is_file():
        raise click.UsageError(
            f"there is no file {program!r}; for a module type: llmtrace run -m …"
        )
    sys.path.insert(0, str(path.resolve().parent))
    runpy.run_path(program, run_name="__main__")
