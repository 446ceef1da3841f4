"""Keeps child processes alive: starts them in order, prefixes their lines, ends them in reverse.

A child has a session of its own, so that Ctrl-C reaches only us and the order of the end is ours.
Its standard input is a pipe that we hold: should we be killed, it sees the end of it and ends too
(``llmtrace.cli.parent``).
"""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from llmtrace.cli.up.restarts import WRONG_USAGE, Restarts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import IO

_LOOK_S: Final = 0.1
_READY_TIMEOUT_S: Final = 60.0
_END_TIMEOUT_S: Final = 25.0
"""A collector stores for up to 5 s what it acknowledged, after its other parts have ended."""


@dataclass(slots=True, kw_only=True)
class Child:
    """One process to keep alive."""

    name: str
    command: Sequence[str]
    is_ready: Callable[[int], bool] = lambda _: True
    """Says whether the process of that id does its work; the next child waits for it."""
    restarts: Restarts = field(default_factory=Restarts)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    reader: threading.Thread | None = None


class Supervisor:
    """Runs children until told to stop, or until one cannot be kept alive."""

    def __init__(self, children: Sequence[Child], *, say: Callable[[str, str], None]) -> None:
        """Keep ``children``, in the order of their start; ``say(name, line)`` prints."""
        self._children = children
        self._say = say

    def run(self, stopping: threading.Event) -> int:
        """Return an exit code: 0 if told to stop, else that of who could not be kept alive."""
        try:
            for child in self._children:
                code = self._first_start(child, stopping)
                if code is not None:
                    return code
            while not stopping.wait(_LOOK_S):
                code = self._look()
                if code is not None:
                    return code
            return 0
        finally:
            for child in reversed(self._children):
                self._end(child)

    def _first_start(self, child: Child, stopping: threading.Event) -> int | None:
        """Start a child and wait until it works, for at most a minute; the others are kept."""
        deadline = time.monotonic() + _READY_TIMEOUT_S
        self._start(child)
        while time.monotonic() < deadline and not stopping.is_set():
            code = self._look()
            if code is not None:
                return code
            if child.process is not None and child.is_ready(child.process.pid):
                return None
            stopping.wait(_LOOK_S)
        return None

    def _look(self) -> int | None:
        """Note who ended and start who is due; an exit code when one is given up."""
        now = time.monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                code = self._ended(child, now)
                if code is not None:
                    return code
            if child.process is None and child.started_at and now >= child.due_at:
                self._start(child)
        return None

    def _start(self, child: Child) -> None:
        process = subprocess.Popen(
            child.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        child.process = process
        child.started_at = time.monotonic()
        self._say("up", f"{child.name} started as process {process.pid}")
        if process.stdout is not None:
            child.reader = threading.Thread(
                target=self._pass_on, args=(child.name, process.stdout), daemon=True
            )
            child.reader.start()

    def _ended(self, child: Child, now: float) -> int | None:
        code = self._forget(child)
        child.restarts, delay_s = child.restarts.after(lived_s=now - child.started_at, code=code)
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        if delay_s is None:
            self._say("up", f"{child.name} ended {how} and is not started again; see its lines")
            return WRONG_USAGE if code == WRONG_USAGE else 1
        self._say("up", f"{child.name} ended {how}; it is started again in {delay_s:g} s")
        child.due_at = now + delay_s
        return None

    def _end(self, child: Child) -> None:
        if child.process is None:
            return
        child.process.terminate()
        try:
            child.process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._say("up", f"{child.name} does not end by itself and is killed")
            child.process.kill()
        self._forget(child)

    def _forget(self, child: Child) -> int:
        """Wait for a process that ends and for its last lines; return its exit code."""
        process, child.process = child.process, None
        if process is None:
            return 0
        code = process.wait()
        if child.reader is not None:
            child.reader.join(1.0)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def _pass_on(self, name: str, lines: IO[bytes]) -> None:
        for line in lines:
            self._say(name, line.decode("utf-8", "replace").rstrip())
