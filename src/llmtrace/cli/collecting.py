"""What the process of ``llmtrace collector`` does from its start until it is told to stop."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

import click

from llmtrace.cli.parent import end_with_parent
from llmtrace.clock import SystemClock
from llmtrace.collector import Collector, Task
from llmtrace.collector.disk import DiskGuard
from llmtrace.collector.tls import Tls, load_tls
from llmtrace.errors import ConfigError
from llmtrace.store.alert_state import AlertStateStore
from llmtrace.store.memory import give_memory_back

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.config import Settings
    from llmtrace.store import Writer

_SWITCH_S: Final = 0.001
"""How long the thread that reads spans keeps the interpreter while one that answers a client waits.
Python's own 5 ms, at each of a large request's pieces, add up to a tenth of a second."""


def collect(
    settings: Settings,
    *,
    host: str,
    port: int,
    grpc_port: int | None,
    rules: Path | None,
    tls_files: tuple[Path | None, Path | None],
    min_free_mb: int | None,
    supervised: bool,
) -> None:
    """Collect until SIGINT or SIGTERM, or until stdin ends if ``supervised``. Raises ConfigError.

    ``grpc_port``: None for no gRPC; ``tls_files``: certificate and key, in PEM.
    """
    sys.setswitchinterval(_SWITCH_S)
    give_memory_back()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    stopping = threading.Event()

    def stop(*_: object) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if supervised:
        end_with_parent()
    with Collector(
        settings,
        host=host,
        port=port,
        grpc_port=grpc_port,
        tasks=_tasks(settings, rules),
        tls=_tls(*tls_files),
        disk=None
        if min_free_mb is None
        else DiskGuard(settings.home, min_free_bytes=min_free_mb * 1024 * 1024),
    ) as collector:
        grpc = f"OTLP/gRPC at {collector.grpc_url}, " if collector.grpc_url else ""
        click.echo(
            f"llmtrace collector: OTLP/HTTP at {collector.url}/v1/traces, {grpc}"
            f"spool and store in {settings.home}. Ctrl-C stops it.",
            err=True,
        )
        for backend in collector.forwards_to:
            click.echo(f"llmtrace collector: sends spans on to {backend}", err=True)
        # What is there by now stays: the search for garbage need not look at it again and again.
        gc.collect()
        gc.freeze()
        stopping.wait()
        click.echo("llmtrace collector: stopping, what was received is stored first", err=True)


def _tls(certificate: Path | None, key: Path | None) -> Tls | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigError("--tls-cert and --tls-key go together; give both, or neither")
    return load_tls(certificate, key)


def _tasks(settings: Settings, rules: Path | None) -> list[Task]:
    """Return the alert engine; without rules, what says in the store that there are none."""
    if rules is None:
        return [_without_rules]
    from llmtrace.alerts.rules import load_rules  # noqa: PLC0415  # only who has rules pays for it
    from llmtrace.alerts.runner import AlertRunner  # noqa: PLC0415

    return [
        AlertRunner(load_rules(rules), home=settings.home, dashboard_url=settings.dashboard_url)
    ]


def _without_rules(writer: Writer, _: threading.Event) -> None:
    AlertStateStore(writer).keep_rules(None, now=SystemClock().now())
