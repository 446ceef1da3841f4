"""Child processes of the demo: started, watched, stopped by pid, their output kept in a file."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from llmtrace.errors import LlmtraceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_STOP_S = 10.0


class DemoError(LlmtraceError):
    """A part of the demo did not do what it should; the message says which and where to look."""


class Child:
    """One child process."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        """Take over a started process whose output goes to ``log``."""
        self.name = name
        self._process = process
        self.log = log

    @property
    def is_running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def wait(self, timeout_s: float) -> None:
        """Wait for its end. Raises DemoError if it takes longer, or ends with an error."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise DemoError(
                f"{self.name} still runs after {timeout_s:g} s; {self._tail()}"
            ) from None
        if code != 0:
            raise DemoError(f"{self.name} ended with exit code {code}; {self._tail()}")

    def check_running(self) -> None:
        """Raise DemoError, with the end of its output, if it is gone."""
        if not self.is_running:
            raise DemoError(f"{self.name} has ended early; {self._tail()}")

    def stop(self) -> None:
        """Ask it to end; kill it if it does not within some seconds."""
        if not self.is_running:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-8:] if self.log.exists() else []
        return "its last words: " + (" | ".join(lines) or "none")


def start(
    name: str, module: str, arguments: Sequence[str], environment: Mapping[str, str], logs: Path
) -> Child:
    """Start ``python -m module arguments`` with exactly ``environment``."""
    log = logs / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
        )
    return Child(name, process, log)


def wait_until(
    condition: Callable[[], bool], what: str, *, timeout_s: float, child: Child | None = None
) -> None:
    """Wait until ``condition`` holds. Raises DemoError naming ``what``, or if ``child`` ends."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if child is not None:
            child.check_running()
        if time.monotonic() > deadline:
            raise DemoError(f"{what}: not within {timeout_s:g} s")
        time.sleep(0.1)
