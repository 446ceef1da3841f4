"""A server as a user would start it: its output in a file, its memory and CPU time watched.

Linux only: figures are those of ``/proc``, of the process and all that it started. It is ended by
its own id, and so are they.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_EVERY_S: Final = 0.5
_SELDOM: Final = 4
_STOP_S: Final = 30.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_COMMAND: Final = re.compile(r"(?:-m llmtrace |from llmtrace\.store\.)(\w+)")


def end_when_told() -> None:
    """Have SIGTERM end this program as Ctrl+C does: with all that it started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))


class ServerError(Exception):
    """A server did not start, or ended."""


class Server:
    """One running server; a context manager."""

    def __init__(
        self, command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it, with its output in ``log``."""
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # a group of its own: all of it is ended together
            )
        self.rss_mb: list[tuple[float, float]] = []
        """``time.monotonic()`` and resident memory, twice a second."""
        self.pss_mb: list[tuple[float, float]] = []
        """The same every other second, pages that several processes share counted once."""
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    @property
    def output(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors="replace")

    def wait_for(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        """Return when ``is_ready``. Raises ServerError."""
        deadline = time.monotonic() + timeout_s
        while not is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                last = " | ".join(self.output.strip().splitlines()[-3:])
                raise ServerError(f"it did not start within {timeout_s:g} s: {last[-300:]}")
            time.sleep(0.1)

    def cpu_s(self) -> float:
        """Return the CPU time that it and its children have used."""
        used = 0
        for pid in self._pids():
            with suppress(OSError, IndexError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                used += int(fields[11]) + int(fields[12])
        return used / _TICKS

    def rss_by_command(self) -> dict[str, float]:
        """Return the resident memory now, MB, by what each process was told to do."""
        found: dict[str, float] = {}
        for pid in self._pids():
            with suppress(OSError, IndexError):
                line = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                named = _COMMAND.search(line)
                name = named[1] if named else line.split(" ", 1)[0]
                found[name] = found.get(name, 0.0) + pages * _PAGE / 1e6
        return found

    def stop(self) -> None:
        """Ask it to end; make it, if it does not."""
        self._stopping.set()
        self._watch.join()
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_S)
                break
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # children that outlive their parent

    def _look(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            pages = 0
            pids = self._pids()
            for pid in pids:
                with suppress(OSError, IndexError):
                    pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            self.rss_mb.append((time.monotonic(), pages * _PAGE / 1e6))
            if not len(self.rss_mb) % _SELDOM:  # takes the kernel some milliseconds
                self.pss_mb.append((time.monotonic(), sum(map(_pss_mb, pids))))

    def _pids(self) -> list[int]:
        """Return it and all it started, by their parents."""
        found, todo = [], [self._process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            with suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    todo += map(int, (task / "children").read_text().split())
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _pss_mb(pid: int) -> float:
    """Return a process's share of the pages it has resident; 0 if it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1_024 / 1e6
    return 0.0
