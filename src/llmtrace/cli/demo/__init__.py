"""``llmtrace demo``: everything at work on this machine alone, with real SDKs.

Starts a local provider and a Slack sink, a collector with alert rules and the dashboards; runs
three little apps; checks what came out. No key, no account, no network.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click

from llmtrace.cli.demo.checks import run_checks
from llmtrace.cli.demo.scene import Scene


@click.command()
@click.option("--exit", "is_one_shot", is_flag=True, help="Check every stage, then end: 0 or 1.")
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    help="Keep the data here; default: a temporary folder.",
)
@click.option("--port", default=8501, show_default=True, help="Port of the dashboards; 0: any.")
def command(*, is_one_shot: bool, home: Path | None, port: int) -> int:
    """Show everything at work: traces, cost, dashboards, an alert, a replay, SQL."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)  # also where a shell has us ignore Ctrl-C
    with ExitStack() as stack:
        if home is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="llmtrace-demo-"))
            home = Path(folder)
        scene = stack.enter_context(Scene(home, os.environ, say=_say))  # noqa: TID251  # children inherit it
        scene.start(dashboard_port=0 if is_one_shot else port)
        scene.run_apps()
        results = run_checks(scene, say=_say)
        failed = [result for result in results if not result.is_ok]
        _summary(len(results), len(failed))
        if is_one_shot:
            return 1 if failed else 0
        _stay(scene)
    return 0


def _interrupt(number: int, frame: object) -> None:
    """End the demo by way of its ``with`` blocks, which stop the children."""
    del number, frame
    raise KeyboardInterrupt


def _say(text: str) -> None:
    click.echo(text, err=True)


def _summary(checks: int, failed: int) -> None:
    _say("")
    if failed:
        _say(f"{failed} of {checks} checks FAILED (see above)")
    else:
        click.echo(f"demo: all {checks} checks passed")


def _stay(scene: Scene) -> None:
    """Keep the apps calling until Ctrl-C."""
    home = scene.home
    _say(f"""
  Dashboards   {scene.dashboard_url}/?range=1h
               Overview: what was spent, on what, for whom.
               Traces: click a row, read the messages.
  Collector    {scene.collector_url}   (OTLP/HTTP, SQL)
  Alert        {len(scene.slack.messages)} message(s) reached the local Slack sink
  Try          llmtrace report --home {home} --by user
               llmtrace sql --home {home} "from daily_cost"
               llmtrace alerts list --home {home}

The apps go on calling, a call every other second. Ctrl-C ends everything.""")
    scene.keep_calling()
    try:
        while True:
            time.sleep(1.0)
            scene.check_running()
    except KeyboardInterrupt:
        _say("\nstopping …")
