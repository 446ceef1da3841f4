"""``llmtrace collector``: takes spans, stores them, answers queries, evaluates alert rules."""

from __future__ import annotations

from pathlib import Path

import click

from llmtrace.collector.addresses import DEFAULT_GRPC_PORT, DEFAULT_HOST, DEFAULT_PORT
from llmtrace.config import load_settings
from llmtrace.store.no_pandas import keep_numpy_out


@click.command(name="collector")
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--grpc-port",
    type=click.IntRange(0, 65_535),
    default=DEFAULT_GRPC_PORT,
    show_default=True,
    help="Port for OTLP/gRPC; 0 takes a free one.",
)
@click.option("--no-grpc", is_flag=True, help="Take OTLP over HTTP alone.")
@click.option("--home", type=click.Path(path_type=Path), help="Instead of LLMTRACE_HOME.")
@click.option(
    "--token",
    help="Instead of LLMTRACE_TOKEN; other users of this machine can read it there, so better not.",
)
@click.option(
    "--rules",
    type=click.Path(path_type=Path, exists=True),
    help="Alert rule file, or folder of such files.",
)
@click.option(
    "--tls-cert", type=click.Path(path_type=Path), help="PEM certificate, for HTTP and gRPC."
)
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its PEM key.")
@click.option(
    "--min-free-mb",
    type=click.IntRange(min=0),
    help="Take nothing while the disk has less free; default: 512, of a small disk a twentieth.",
)
@click.option("--supervised", is_flag=True, hidden=True, help="End when stdin does.")
def command(  # noqa: PLR0913  # one for each option
    *,
    host: str,
    port: int,
    grpc_port: int,
    no_grpc: bool,
    home: Path | None,
    token: str | None,
    rules: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    min_free_mb: int | None,
    supervised: bool,
) -> None:
    """Receive spans, store them, answer queries, evaluate alerts; until Ctrl-C."""
    settings = load_settings(home=home, token=token)
    keep_numpy_out()
    from llmtrace.cli.collecting import collect  # noqa: PLC0415  # Arrow comes with it

    collect(
        settings,
        host=host,
        port=port,
        grpc_port=None if no_grpc else grpc_port,
        rules=rules,
        tls_files=(tls_cert, tls_key),
        min_free_mb=min_free_mb,
        supervised=supervised,
    )
