"""The alert engine as a task of the collector: one thread, until it is told to stop."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Final

from llmtrace.alerts.delivery import MAX_AGE, Courier, configured, notifier_for
from llmtrace.alerts.engine import AlertEngine
from llmtrace.alerts.evaluate import StoreEvaluator
from llmtrace.alerts.record import record_of
from llmtrace.alerts.scheduled import ReportSchedule
from llmtrace.clock import SystemClock
from llmtrace.errors import StoreError
from llmtrace.store.alert_state import AlertStateStore

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from llmtrace.alerts.model import RuleBook
    from llmtrace.alerts.notify import Notifier
    from llmtrace.clock import Clock
    from llmtrace.store.writer import Writer

logger = logging.getLogger(__name__)

POLL_S: Final = 1.0
"""How often to look whether a tick or a message is due."""
START_DELAY_S: Final = 2.0
"""What apps wrote while nothing ran is taken in first; the missed ticks are evaluated over it."""


class AlertRunner:
    """Builds an engine over the writer it is given and keeps it going."""

    def __init__(
        self,
        book: RuleBook,
        *,
        home: Path,
        dashboard_url: str | None = None,
        clock: Clock | None = None,
        poll_s: float = POLL_S,
        start_delay_s: float = START_DELAY_S,
    ) -> None:
        """Evaluate the rules of ``book``; file receivers write below ``home``."""
        self._book = book
        self._home = home
        self._dashboard_url = dashboard_url
        self._clock = clock or SystemClock()
        self._poll_s = poll_s
        self._start_delay_s = start_delay_s

    def __call__(self, writer: Writer, stop: threading.Event) -> None:
        """Run; see ``run``."""
        self.run(writer, stop)

    def run(self, writer: Writer, stop: threading.Event) -> None:
        """Evaluate and deliver until ``stop`` is set. Raises nothing: alerts must go on.

        When the store cannot be read or written it says so and tries again.
        """
        engine: AlertEngine | None = None
        stop.wait(self._start_delay_s)
        while not stop.is_set():
            try:
                engine = engine or self.engine(writer)
                engine.tick(should_stop=stop.is_set)
            except StoreError as error:
                logger.warning("alerts are waiting for the store: %s", error)
            except Exception:
                # A fault of ours in one round must not silence every alert after it.
                logger.exception("the alert engine failed; it tries again")
            stop.wait(self._poll_s)

    def engine(self, writer: Writer) -> AlertEngine:
        """Return an engine that goes on from the state in the store."""
        state = AlertStateStore(writer)
        ready, missing = configured(self._book.receivers)
        for name in missing:
            ref = self._book.receivers[name].url
            logger.warning("alert receiver %s is not configured: %s is not set", name, ref)
        now = self._clock.now()
        state.keep_rules(record_of(self._book), now=now)
        state.revive(ready, now=now, since=now - MAX_AGE)
        courier = Courier(
            state,
            self._notifier,
            clock=self._clock,
            jitter=random.random,
        )
        return AlertEngine(
            self._book,
            StoreEvaluator(writer),
            state,
            courier,
            clock=self._clock,
            reporter=ReportSchedule(self._book, writer, state, clock=self._clock),
        )

    def _notifier(self, name: str) -> Notifier | None:
        receiver = self._book.receivers.get(name)
        if receiver is None:
            return None
        return notifier_for(receiver, home=self._home, dashboard_url=self._dashboard_url)
