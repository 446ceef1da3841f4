"""``llmtrace dashboard``: serves the pages; what lets nothing out of them is in ``before_pages``.

Without a way to sign in they are for this machine alone. Starts a collector inside if none runs.
"""

from __future__ import annotations

import importlib
import ipaddress
import logging
import socket
import sys
import threading
import tomllib
import webbrowser
from contextlib import ExitStack, asynccontextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from llmtrace.cli.oidc_secrets import load_auth, providers
from llmtrace.cli.parent import end_with_parent
from llmtrace.cli.sign_in import Sessions, shared_token
from llmtrace.clock import SystemClock
from llmtrace.config import load_settings
from llmtrace.errors import ConfigError, MissingExtraError, StoreLockedError
from llmtrace.resources import bundled
from llmtrace.store.discovery import find_collector

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from llmtrace.config import Settings

DEFAULT_PORT: Final = 8501


@click.command(name="dashboard")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port to serve on; 0 takes a free one.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address; one that others can reach needs a way to sign in.",
)
@click.option(
    "--sign-in",
    type=click.Choice(("none", "token", "oidc")),
    help="How people sign in; instead of LLMTRACE_DASHBOARD_SIGN_IN.",
)
@click.option("--tls-cert", type=click.Path(path_type=Path), help="PEM certificate.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its PEM key.")
@click.option("--home", type=click.Path(path_type=Path), help="Instead of LLMTRACE_HOME.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option("--supervised", is_flag=True, hidden=True, help="End when stdin does.")
def command(
    port: int,
    host: str,
    sign_in: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    *,
    home: Path | None,
    no_browser: bool,
    supervised: bool,
) -> None:
    """Open the dashboards; until Ctrl-C."""
    if supervised:
        end_with_parent()
    serve(
        load_settings(home=home, dashboard_sign_in=sign_in),
        host=host,
        port=port,
        tls=_tls(tls_cert, tls_key),
        opens_browser=not no_browser,
        owns_store=not supervised,
    )


def serve(
    settings: Settings,
    *,
    host: str,
    port: int,
    opens_browser: bool,
    owns_store: bool = True,
    tls: tuple[Path, Path] | None = None,
) -> None:
    """Serve the pages of ``settings.home`` and return when stopped; in the main thread only.

    ``owns_store``: start a collector inside if none runs. Not under a supervisor, where the store
    belongs to the collector beside us, also while that is being started again. ``tls``: files of
    the certificate and its key.

    Raises ConfigError (nobody could sign in, port taken), MissingExtraError, StoreError.
    """
    try:
        import streamlit as st  # noqa: PLC0415  # an extra; and 0.5 s that other commands spare
    except ImportError as error:
        raise MissingExtraError("llmtrace dashboard", "dashboards") from error
    from llmtrace.cli.before_pages import layers  # noqa: PLC0415  # Starlette comes with it

    _spare_memory()
    sessions, secrets = check_sign_in(settings, host)
    port = _free_port(host, port)
    pages = bundled("dashboards")
    _choose_settings(pages, settings, sessions, secrets)
    url = f"{'http' if tls is None else 'https'}://{host}:{port}"
    if tls is None and not is_loopback(host):
        click.echo("warning: without TLS whoever is on the way can read along; see --tls-cert, or "
                   "put a proxy with TLS before it", err=True)  # fmt: skip

    @asynccontextmanager
    async def started(_: object) -> AsyncGenerator[None]:
        click.echo(f"llmtrace dashboard: {url}  (store in {settings.home}; Ctrl-C stops)", err=True)
        threading.Thread(target=_load_pages, name="llmtrace-pages", daemon=True).start()
        if opens_browser:
            webbrowser.open(url)
        yield

    is_open = sessions is None and secrets is None
    app = st.App(
        pages / "app.py",
        secrets=secrets,
        lifespan=started,
        middleware=layers(sessions, is_open=is_open, is_oidc=secrets is not None),
    )
    with ExitStack() as stack:
        if owns_store:
            _start_collector(stack, settings)
        # Streamlit greets on stdout, which is for data.
        stack.enter_context(redirect_stdout(sys.stderr))
        served: dict[str, Any] = {"server.address": host, "server.port": port}
        if tls is not None:
            served |= {"server.sslCertFile": str(tls[0]), "server.sslKeyFile": str(tls[1])}
        app.run(config={**_config(pages), **served})


def _spare_memory() -> None:
    from llmtrace.store.memory import give_memory_back  # noqa: PLC0415  # Arrow comes with it
    from llmtrace.store.no_pandas import keep_pandas_from_arrow  # noqa: PLC0415

    give_memory_back()
    keep_pandas_from_arrow()


def check_sign_in(
    settings: Settings, host: str
) -> tuple[Sessions | None, dict[str, dict[str, Any]] | None]:
    """Return what lets people in: sessions in mode ``token``, Streamlit's secrets in ``oidc``.

    Raises ConfigError if somebody could get in without, or nobody could; MissingExtraError.
    """
    mode = settings.dashboard_sign_in
    if mode == "token":
        return Sessions(shared_token(settings), SystemClock()), None
    if mode == "oidc":
        return None, {"auth": load_auth(settings.home)}
    if not is_loopback(host):
        raise ConfigError(
            f"host {host!r} can be reached from other machines, and nobody would have to sign in; "
            "choose --sign-in token or --sign-in oidc, or use 127.0.0.1 and an SSH tunnel"
        )
    return None, None


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address or name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _free_port(host: str, port: int) -> int:
    """Return ``port`` if it can be listened on, or a free one for 0."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the server will do it: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"port {port} of {host} cannot be listened on: {error.strerror}; "
                "stop the program that has it, or choose another with --port"
            ) from error
        return int(probe.getsockname()[1])


def _choose_settings(
    pages: Path,
    settings: Settings,
    sessions: Sessions | None,
    secrets: Mapping[str, Mapping[str, Any]] | None,
) -> None:
    parent = str(pages.parent)
    if parent not in sys.path:
        sys.path.insert(0, parent)
    names = providers(secrets["auth"]) if secrets else []
    importlib.import_module("dashboards.home").choose_settings(settings, sessions, names)


def _load_pages() -> None:
    importlib.import_module("dashboards.ready").load()


def _tls(certificate: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigError("TLS needs both --tls-cert and --tls-key")
    for path in (certificate, key):
        if not path.is_file():
            raise ConfigError(f"there is no file {path}; give a certificate and its key, PEM")
    return certificate, key


def _start_collector(stack: ExitStack, settings: Settings) -> None:
    """Own the store while the pages are open: a file opened for each question would be slow."""
    if find_collector(settings.home) is not None:
        return
    from llmtrace.collector import Collector  # noqa: PLC0415  # a server and DuckDB, if it is needed

    try:
        collector = Collector(settings, port=0)
        collector.start()
    except StoreLockedError as error:
        # Another program took it in this moment; readers wait for it or ask it.
        logging.getLogger(__name__).info("no collector started: %s", error)
        return
    stack.callback(collector.stop)


def _config(pages: Path) -> dict[str, Any]:
    """Return the pages' config.toml as dotted keys: Streamlit looks for it elsewhere."""
    text = (pages / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    return dict(_flat("", tomllib.loads(text)))


def _flat(prefix: str, table: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            found.extend(_flat(f"{prefix}{key}.", value))  # pyright: ignore[reportUnknownArgumentType]  # TOML has text keys
        else:
            found.append((prefix + key, value))
    return found
