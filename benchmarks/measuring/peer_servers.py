"""Other tools' servers, each in an environment of its own, for the same load as ours.

Each takes OTLP/HTTP at its own address and stores in a SQLite file of its own, with its defaults:
what is committed there counts as queryable. That is in their favour: no page of theirs is asked.
"""

from __future__ import annotations

import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from benchmarks.measuring.peers import build_environment
from benchmarks.measuring.processes import Server

if TYPE_CHECKING:
    from pathlib import Path

_START_S: Final = 180.0
_LISTENS_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerServer:
    """How a peer is installed, started and asked."""

    package: str
    command: tuple[str, ...]
    """After the environment's ``bin/``; ``{port}``, ``{grpc}`` and ``{place}`` are filled in."""
    environment: dict[str, str]
    database: str
    """Its SQLite file, with a table ``spans``; below the place."""
    ready: str
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def install(self, place: Path) -> Path:
        """Make its environment below ``place`` and return its ``bin``. Raises PeerError."""
        return build_environment(place / "env", self.package).parent

    def start(self, binaries: Path, place: Path, ports: tuple[int, int]) -> Server:
        """Start it and wait until it answers. Raises ServerError."""
        filled = {"port": str(ports[0]), "grpc": str(ports[1]), "place": str(place)}
        program, *rest = (part.format(**filled) for part in self.command)
        environment = {name: value.format(**filled) for name, value in self.environment.items()}
        # Its own programs first: MLflow starts uvicorn by name.
        environment["PATH"] = f"{binaries}:/usr/local/bin:/usr/bin:/bin"
        server = Server([str(binaries / program), *rest], place / "log", environment=environment)
        try:
            address = f"http://127.0.0.1:{ports[0]}{self.ready}"
            server.wait_for(lambda: _answers(address), _START_S)
        except BaseException:
            server.stop()
            raise
        return server

    def stored(self, place: Path) -> int:
        """Return how many spans are committed."""
        try:
            address = f"file:{place / self.database}?mode=ro"
            with closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
                return int(connection.execute("select count(*) from spans").fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # not there yet, or locked for longer than that


PEER_SERVERS: Final = {
    "phoenix": PeerServer(
        package="arize-phoenix",
        command=("phoenix", "serve"),
        environment={
            "PHOENIX_WORKING_DIR": "{place}",
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": "{port}",
            "PHOENIX_GRPC_PORT": "{grpc}",
            "PHOENIX_TELEMETRY_ENABLED": "false",
        },
        database="phoenix.db",
        ready="/healthz",
    ),
    "mlflow": PeerServer(
        package="mlflow",
        command=(
            *("mlflow", "server", "--host", "127.0.0.1", "--port", "{port}"),
            *("--backend-store-uri", "sqlite:///{place}/mlflow.db"),
            *("--artifacts-destination", "{place}/artifacts"),
        ),
        environment={"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
        database="mlflow.db",
        ready="/health",
        headers={"x-mlflow-experiment-id": "0"},
    ),
}


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=_LISTENS_S) as answer:  # noqa: S310  # our own loopback address
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False
