"""The command line: wiring only. A command parses, calls one function, prints.

stdout is data, stderr is everything else. Exit codes: 0 ok, 1 problem found (alert firing, replay
differs, check failed), 2 usage or configuration, 3 store not reachable, 70 a fault of llmtrace.
Each command lives in ``cli/<name>.py`` as ``command``; it is imported only when it is named.
"""

from __future__ import annotations

import importlib
import keyword
import sys
from typing import Final

import click

from llmtrace.errors import LlmtraceError, StoreError

COMMANDS: Final[dict[str, str]] = {
    "alerts": "Check, list and send alerts.",
    "backup": "Copy the store while it is in use.",
    "collector": "Receive spans, store them, answer queries, evaluate alerts.",
    "compact": "Give disk back that deleted rows took.",
    "dashboard": "Open the dashboards.",
    "deadletter": "Show requests that were put aside, try them again or drop them.",
    "demo": "Show everything at work, on this machine alone.",
    "doctor": "Say what is installed, patched, reachable and priced.",
    "export": "Write calls to Parquet, CSV or one DuckDB file of evidence.",
    "forget": "Erase what is stored of a user; figures stay, without a name.",
    "import": "Take in OTLP files and exports of other tools, and say what was lost.",
    "prices": "Show prices and what has none.",
    "replay": "Send a stored call again and compare.",
    "report": "Print what was spent, on what, for whom.",
    "reprice": "Price stored calls again with today's price data.",
    "restore": "Put a backup in the place of the store.",
    "retention": "Delete what is older than an age.",
    "rollups": "Hold the hourly sums against the spans, or build them anew.",
    "run": "Run a Python program instrumented, without touching its code.",
    "sql": "Ask the store in SQL.",
    "token": "Make, rotate and revoke the tokens with which projects send spans.",
    "up": "Run collector, alerts and dashboards together, and keep them alive.",
    "what-if": "Price stored calls on other models.",
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in alphabetical order."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, None if there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        # A module cannot be named by a keyword (import_), nor with a hyphen (what_if).
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name.replace("-", "_")
        module = importlib.import_module(f"llmtrace.cli.{name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing one."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="llmtrace-toolkit", prog_name="llmtrace")
@click.pass_context
def main(ctx: click.Context, *, debug: bool) -> None:
    """See what your LLM calls cost, how they behave, and for whom."""
    ctx.ensure_object(dict)["debug"] = debug


def run(argv: list[str] | None = None) -> None:
    """Run the command line and exit with a documented code; one line per error."""
    debug = "--debug" in (sys.argv[1:] if argv is None else argv)
    try:
        code = main.main(args=argv, prog_name="llmtrace", standalone_mode=False)
    except click.exceptions.Abort:
        raise SystemExit(130) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except LlmtraceError as error:
        if debug:
            raise
        click.echo(f"llmtrace: {error}", err=True)
        raise SystemExit(3 if isinstance(error, StoreError) else 2) from None
    except ModuleNotFoundError as error:
        if debug or error.name is None or error.name.partition(".")[0] == "llmtrace":
            raise
        click.echo(
            f"llmtrace: this command needs {error.name!r}, which is not installed; "
            "type: pip install 'llmtrace-toolkit[all]'",
            err=True,
        )
        raise SystemExit(2) from None
    except Exception as error:
        if debug:
            raise
        click.echo(
            f"llmtrace: this should not happen ({type(error).__name__}: {error}); "
            "please report it with what `llmtrace --debug …` prints",
            err=True,
        )
        raise SystemExit(70) from None
    raise SystemExit(code if isinstance(code, int) else 0)
