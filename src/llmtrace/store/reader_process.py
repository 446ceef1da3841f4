"""Reads requests in a second process while more of them come than one can read.

Reading is Python: all of it together in one process leaves a second processor idle. So that a quiet
laptop pays nothing, the process is started only when the reading here falls behind what comes, and
ended when there is little for it to do. Until it is ready, and whenever it is gone, requests are
read here. Who asks with two threads has two readers then: what comes while the process is busy is
read here beside it.
"""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final, cast

from llmtrace.store.reader_child import READY, how, question, read_chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from llmtrace.config import Settings
    from llmtrace.store.batch import Batch
    from llmtrace.store.chunks import ReadChunk, Reading

logger = logging.getLogger(__name__)

LAG_BYTES: Final = 16 * 1024 * 1024
"""Two transactions' worth: more than that waits only where the reading does not keep up …"""
_LAG_S: Final = 2.0
"""… or had to stand still for a moment, after which it catches up by itself."""
_LOOK_EVERY_S: Final = 60.0
_LITTLE: Final = 0.25
"""The share of the time below which the process is not worth its memory: about 3 000 spans a
second. Twice as many are read without it."""
_AFTER_FAILURE_S: Final = 300.0
_ASKED_AT_ONCE: Final = 2
"""One that it reads and one that is there when it has: it waits for nobody."""
_PIPE_BYTES: Final = 1024 * 1024
"""As much as Linux gives without asking: neither side waits so often for the other."""
_COMMAND: Final = (
    "import sys; sys.path[:] = {path!r}\n"
    "from llmtrace.store.no_pandas import keep_numpy_out\nkeep_numpy_out()\n"
    "from llmtrace.store.reader_child import main\nmain()"
)


class ReaderProcess:
    """Reads as ``reading`` does, by itself or by another process."""

    def __init__(
        self,
        settings: Settings,
        reading: Reading,
        *,
        lag_bytes: int = LAG_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start nothing. ``reading`` is what ``settings`` mean."""
        self._settings = settings
        self._reading = reading
        self._lag_bytes = lag_bytes if (os.cpu_count() or 1) > 1 else sys.maxsize
        self._clock = clock
        self._child: _Child | None = None
        self._lags_since: float | None = None
        self._not_before = self._looked_at = clock()
        self._asking = threading.BoundedSemaphore(_ASKED_AT_ONCE)
        """Held while the process is asked."""
        self._reads_here = threading.Lock()
        """Held while requests are read here: two at once only wait for each other."""

    @property
    def has_help(self) -> bool:
        """The process is there."""
        return self._child is not None

    def read(self, payloads: Sequence[bytes], now: datetime) -> ReadChunk:
        """Read some requests; see ``Reading.read``. From any thread."""
        if self._asking.acquire(blocking=False):
            try:
                found = self._asked(payloads, now)
            finally:
                self._asking.release()
            if found is not None:
                return found
        with self._reads_here:
            return self._reading.read(payloads, now)

    def _asked(self, payloads: Sequence[bytes], now: datetime) -> ReadChunk | None:
        """Let the process read; None if there is none, or none any more."""
        child = self._child
        if child is None or not child.is_ready():
            return None
        try:
            return child.read(payloads, now)
        except (OSError, EOFError, ValueError) as error:
            logger.warning(
                "the process that helps reading spans ended (%s); they are read without it",
                error or type(error).__name__,
            )
            self._not_before = self._clock() + _AFTER_FAILURE_S
            self._end()
            return None

    def read_here(self, payload: bytes, now: datetime) -> Batch:
        """Read one request, from any thread."""
        return self._reading.read_here(payload, now)

    def waiting(self, size: int) -> None:
        """Start the process once much waits, and still does some time later."""
        if size <= self._lag_bytes:
            self._lags_since = None
            return
        moment = self._clock()
        if self._lags_since is None:
            self._lags_since = moment
        is_behind = moment - self._lags_since >= _LAG_S
        if is_behind and self._child is None and moment >= self._not_before:
            self._start(moment)

    def rest(self) -> None:
        """End the process if it had little to do for a minute; while nobody reads."""
        moment = self._clock()
        spent = moment - self._looked_at
        if self._child is None or spent < _LOOK_EVERY_S:
            return
        if self._child.busy_s < _LITTLE * spent:
            self._end()
        else:
            self._child.busy_s = 0.0
        self._looked_at = moment

    def close(self) -> None:
        """End the process; twice does nothing."""
        self._end()
        self._not_before = float("inf")

    def _start(self, moment: float) -> None:
        try:
            self._child = _Child(self._settings, self._clock)
        except OSError as error:
            logger.warning("no process to help reading spans could be started: %s", error)
            self._not_before = moment + _AFTER_FAILURE_S
        self._looked_at = moment

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
        self._child = None


class _Child:
    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.busy_s = 0.0
        """How long it has read since it was looked at; what only waits for its turn is not."""
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _COMMAND.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pipesize=_PIPE_BYTES,
            env={},
        )
        self._to = cast("IO[bytes]", self._process.stdin)
        self._from = cast("IO[bytes]", self._process.stdout)
        self._is_ready = False
        self._sending = threading.Lock()
        self._sent = self._received = 0
        self._turns = threading.Condition()
        """Answers come in the order of the questions; ``_received`` is whose is next."""
        # Should it be gone already: reading from it tells.
        with suppress(OSError):
            self._to.write(json.dumps(how(settings)).encode() + b"\n")
            self._to.flush()

    def is_ready(self) -> bool:
        """Say whether it can be asked, without waiting."""
        if self._is_ready:
            return True
        with self._sending:  # one reads the line that says so, and no answer instead
            if not self._is_ready and select.select([self._from], [], [], 0)[0]:
                # b"": gone, as asking will tell
                self._is_ready = self._from.readline() in {READY, b""}
        return self._is_ready

    def read(self, payloads: Sequence[bytes], now: datetime) -> ReadChunk:
        """Ask it, from any thread. Raises OSError, EOFError, ValueError if it is gone."""
        try:
            with self._sending:
                turn = self._sent
                self._sent += 1
                self._to.write(question(payloads, now))
                for payload in payloads:
                    self._to.write(payload)
                self._to.flush()
            with self._turns:
                self._turns.wait_for(lambda: self._received >= turn)
            began = self._clock()
            found = read_chunk(self._from)
            self.busy_s += self._clock() - began
        except BaseException:
            self._next_turn(sys.maxsize)  # who waits finds it gone too
            raise
        self._next_turn(turn + 1)
        return found

    def _next_turn(self, turn: int) -> None:
        with self._turns:
            self._received = max(self._received, turn)
            self._turns.notify_all()

    def close(self) -> None:
        """End it and wait until it has."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._to, self._from):
            with suppress(OSError):
                pipe.close()
