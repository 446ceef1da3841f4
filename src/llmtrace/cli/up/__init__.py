"""``llmtrace up``: the collector, which evaluates alerts too, and the dashboards, kept alive.

Wiring only: what is a child's fate is in ``restarts``, how it is kept in ``supervisor``. A token
comes by the environment alone: arguments of a process can be read by everybody on the machine.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmtrace.cli.dashboard import DEFAULT_PORT as DASHBOARD_PORT
from llmtrace.cli.dashboard import check_sign_in, is_loopback
from llmtrace.cli.up.supervisor import Child, Supervisor
from llmtrace.collector.addresses import DEFAULT_GRPC_PORT, DEFAULT_HOST, DEFAULT_PORT
from llmtrace.config import load_settings
from llmtrace.store.discovery import find_collector

if TYPE_CHECKING:
    from collections.abc import Sequence

_port = click.IntRange(0, 65_535)


@click.command(name="up")
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="The collector's address.")
@click.option("--port", type=_port, default=DEFAULT_PORT, show_default=True, help="OTLP/HTTP.")
@click.option(
    "--grpc-port", type=_port, default=DEFAULT_GRPC_PORT, show_default=True, help="OTLP/gRPC."
)
@click.option("--no-grpc", is_flag=True, help="Take OTLP over HTTP alone.")
@click.option(
    "--dashboard-port", type=_port, default=DASHBOARD_PORT, show_default=True, help="The pages."
)
@click.option(
    "--dashboard-host",
    default=DEFAULT_HOST,
    show_default=True,
    help="The pages' address; one that others can reach needs LLMTRACE_DASHBOARD_SIGN_IN.",
)
@click.option("--no-dashboard", is_flag=True, help="Do not serve the pages.")
@click.option(
    "--rules",
    type=click.Path(path_type=Path, exists=True),
    help="Alert rule file, or folder of such files.",
)
@click.option("--tls-cert", type=click.Path(path_type=Path), help="PEM certificate.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its PEM key.")
@click.option("--min-free-mb", type=click.IntRange(min=0), help="Free disk to leave, in MiB.")
@click.option("--home", type=click.Path(path_type=Path), help="Instead of LLMTRACE_HOME.")
def command(  # noqa: PLR0913  # one for each option
    *,
    host: str,
    port: int,
    grpc_port: int,
    no_grpc: bool,
    dashboard_port: int,
    dashboard_host: str,
    no_dashboard: bool,
    rules: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    min_free_mb: int | None,
    home: Path | None,
) -> int:
    """Run everything: collector, alerts, dashboards; restart what dies; until Ctrl-C."""
    settings = load_settings(home=home)
    place = settings.home
    if not no_dashboard:
        check_sign_in(settings, dashboard_host)
    stopping = threading.Event()

    def stop(*_: object) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    tls = [
        *([f"--tls-cert={tls_cert}"] if tls_cert is not None else []),
        *([f"--tls-key={tls_key}"] if tls_key is not None else []),
    ]
    collector = _command(
        "collector",
        place,
        f"--host={host}",
        f"--port={port}",
        *(["--no-grpc"] if no_grpc else [f"--grpc-port={grpc_port}"]),
        *([f"--rules={rules.absolute()}"] if rules is not None else []),
        *tls,
        *([f"--min-free-mb={min_free_mb}"] if min_free_mb is not None else []),
    )
    children = [
        Child(name="collector", command=collector, is_ready=lambda pid: _collects(place, pid))
    ]
    if not no_dashboard:
        pages = _command(
            "dashboard",
            place,
            f"--port={dashboard_port}",
            f"--host={dashboard_host}",
            "--no-browser",
            # A browser of this machine need not know the receivers' certificate.
            *([] if is_loopback(dashboard_host) else tls),
        )
        children.append(Child(name="dashboard", command=pages))
    _say("up", f"store in {place}; Ctrl-C stops everything")
    code = Supervisor(children, say=_say).run(stopping)
    _say("up", "stopped" if code == 0 else "stopped: a part could not be kept alive")
    return code


def _command(name: str, home: Path, *arguments: str) -> Sequence[str]:
    """Return a command line of this very installation."""
    # -u: a line is passed on when it is written, not when a buffer is full.
    start = [sys.executable, "-u", "-m", "llmtrace", name]
    return [*start, "--supervised", f"--home={home}", *arguments]


def _collects(home: Path, pid: int) -> bool:
    found = find_collector(home)
    return found is not None and found.pid == pid


def _say(name: str, line: str) -> None:
    click.echo(f"{name:<9} | {line}", err=True)
