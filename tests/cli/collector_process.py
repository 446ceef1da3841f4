"""``llmtrace collector`` in a process of its own, at free ports."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE_S = 30


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start it; ``arguments`` have the last word about the ports."""
    ports = ("--port", "0", "--grpc-port", "0")
    return subprocess.Popen(
        [sys.executable, "-m", "llmtrace", "collector", "--home", str(home), *ports, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LLMTRACE_TOKEN": ""},
    )


def is_up(process: subprocess.Popen[str], home: Path) -> Path:
    """Return the file that says where it listens, once it is there."""
    path = home / "collector.json"
    deadline = time.monotonic() + _PATIENCE_S
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"the collector did not start: {end(process)}")
        time.sleep(0.02)
    return path


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait until it has ended; return its exit code and what it said."""
    out, err = process.communicate(timeout=_PATIENCE_S)
    return process.returncode, out, err
