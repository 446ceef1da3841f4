"""An environment of its own for each peer, made with uv and kept for the next run.

Nothing is ever installed into the project's environment: a peer brings OpenTelemetry packages of
its own choosing. Where one cannot be installed (no network, no uv), the report says so.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_OTEL: Final = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
PEERS: Final = {
    "otel-span": _OTEL,
    "otel-genai": (
        *_OTEL,
        "opentelemetry-instrumentation-genai-openai==1.3b0",
        "opentelemetry-instrumentation-genai-anthropic==1.3b0",
    ),
    "openinference": (
        *_OTEL,
        "openinference-instrumentation-openai",
        "openinference-instrumentation-anthropic",
    ),
}
"""Peer → what is installed beside the two SDKs, in the very versions that are installed here."""


class PeerError(Exception):
    """A peer cannot be had; the message says why."""


def interpreter(peer: str, workdir: Path) -> str:
    """Return the Python that has ``peer``, made if it is not there yet. Raises PeerError."""
    sdks = [f"{name}=={metadata.version(name)}" for name in ("openai", "anthropic", "httpx2")]
    wanted = [*sdks, *PEERS[peer]]
    key = hashlib.sha256(f"{sys.version} {wanted}".encode()).hexdigest()[:12]
    place = workdir / f"{peer}-{key}"
    python = place / "bin" / "python"
    if (place / "complete").exists():
        return str(python)
    build_environment(place, *wanted)
    (place / "complete").touch()
    return str(python)


def build_environment(place: Path, *packages: str) -> Path:
    """Make an environment with ``packages`` and return its Python. Raises PeerError.

    With uv where it is to be had, else with what Python brings, which takes longer.
    """
    base = getattr(sys, "_base_executable", None) or sys.executable
    python = place / "bin" / "python"
    uv = _find_uv()
    if uv is None:
        _run(base, "-m", "venv", "--clear", str(place))
        _run(str(python), "-m", "pip", "install", "--quiet", *packages)
    else:
        _run(uv, "venv", "--quiet", "--clear", "--python", base, str(place))
        compiled = ("--quiet", "--compile-bytecode", "--python", str(python))
        _run(uv, "pip", "install", *compiled, *packages)
    return python


def default_workdir() -> Path:
    """Return the folder of this user's caches in which the environments are kept."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "llmtrace-benchmarks"


def _find_uv() -> str | None:
    for found in (
        os.environ.get("LLMTRACE_UV"),
        shutil.which("uv"),
        str(ROOT / ".tools" / "uv" / "bin" / "uv"),
        str(ROOT / ".tools" / "bin" / "uv"),
    ):
        if found and Path(found).exists():
            return found
    return None


def _run(*command: str) -> None:
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise PeerError(f"`{' '.join(command[:3])}` failed: {' '.join(last)}")
