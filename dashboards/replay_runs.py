"""Replays that are being sent, and how they ended: in threads of this process, no page waits.

A run is started by a ticket, and a ticket is good once: a second click, or a second look at the
page that clicked, sends nothing. Runs are kept in memory; what a replay left in the store is there
for good.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import streamlit as st
from opentelemetry.trace import get_current_span

from llmtrace.errors import LlmtraceError, ReplayError
from llmtrace.instrument import flush, instrument, uninstrument
from llmtrace.instrument.attribution import attribute
from llmtrace.instrument.steps import trace

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from llmtrace.replay.compare import Comparison

MAX_RUNNING: Final = 4
_KEPT: Final = 200
_FEATURE: Final = "replay"


@dataclass(slots=True)
class Run:
    """One replay. ``found`` and ``error`` are both None while it runs."""

    started_s: float
    """On the monotonic clock."""
    found: Comparison | None = None
    error: str | None = None
    """Why it failed, for people; holds text from outside."""
    trace_id: str | None = None
    """Of the recorded replay; None if it was not recorded."""

    @property
    def is_running(self) -> bool:
        """Say whether the provider has not answered yet."""
        return self.found is None and self.error is None


class Runs:
    """The runs of this process. Any thread."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, Run] = OrderedDict()

    def of(self, ticket: str) -> Run | None:
        """Return the run that a ticket started; None if it has started none."""
        with self._lock:
            return self._runs.get(ticket)

    def start(self, ticket: str, send: Callable[[Run], Comparison]) -> Run:
        """Run ``send`` in a thread, unless the ticket has started a run already.

        Raises ReplayError if ``MAX_RUNNING`` runs wait for their provider.
        """
        with self._lock:
            known = self._runs.get(ticket)
            if known is not None:
                return known
            if sum(run.is_running for run in self._runs.values()) >= MAX_RUNNING:
                raise ReplayError(f"{MAX_RUNNING} replays are under way; wait until one has ended")
            run = self._runs[ticket] = Run(time.monotonic())
            while len(self._runs) > _KEPT:
                self._runs.popitem(last=False)
        # A daemon: stopping the dashboards does not wait for a provider.
        threading.Thread(target=_ran, args=(run, send), name="replay", daemon=True).start()
        return run


@st.cache_resource(show_spinner=False)
def runs() -> Runs:
    """Return the runs of this process."""
    return Runs()


def _ran(run: Run, send: Callable[[Run], Comparison]) -> None:
    try:
        run.found = send(run)
    except LlmtraceError as error:
        run.error = str(error)
    except Exception as error:  # noqa: BLE001  # a thread's error would be seen by nobody
        # Its text may be anything; its kind is safe to show.
        run.error = f"it failed with {type(error).__name__}"


class _Recorder:
    """Records this process's LLM calls while any replay runs; they are all replays."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0

    def begin(self, home: Path) -> None:
        with self._lock:
            if self._users == 0:
                instrument(home=home)
            self._users += 1

    def end(self) -> None:
        flush()
        with self._lock:
            self._users -= 1
            if self._users == 0:
                uninstrument()


_recorder = _Recorder()


@contextmanager
def recorded(run: Run, span_id: str, home: Path, tenant: str | None) -> Generator[None, None, None]:
    """Record the calls inside as replays of ``span_id``, and say in ``run`` in which trace.

    ``tenant``: whom they are charged to; None: nobody.
    """
    _recorder.begin(home)
    try:
        with (
            attribute(feature=_FEATURE, tenant=tenant, replay_of=span_id),
            trace(f"replay of {span_id}"),
        ):
            context = get_current_span().get_span_context()
            yield
        if context.is_valid and context.trace_flags.sampled:
            run.trace_id = f"{context.trace_id:032x}"
    finally:
        _recorder.end()
