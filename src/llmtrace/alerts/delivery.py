"""Messages from the outbox to their receivers: when to try, when to try again, when to stop.

A message is sent at least once: killed between sending and remembering it, the engine sends it a
second time. Rendering and sending are ``notify``'s.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final, assert_never

from llmtrace.alerts.message import Notification, plain
from llmtrace.alerts.notify import GiveUp, RetryAfter, Sent
from llmtrace.alerts.notify.file import FileNotifier, LogNotifier
from llmtrace.alerts.notify.slack import SlackNotifier
from llmtrace.alerts.secrets import resolve
from llmtrace.errors import ConfigError
from llmtrace.reports.document import Document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from llmtrace.alerts.model import Receiver, RuleBook
    from llmtrace.alerts.notify import Message, Notifier
    from llmtrace.clock import Clock
    from llmtrace.store.alert_rows import Delivery, DeliveryStatus
    from llmtrace.store.alert_state import AlertStateStore

logger = logging.getLogger(__name__)

BACKOFF_S: Final = (5.0, 15.0, 60.0, 300.0, 900.0)
"""Seconds before the second, third, … attempt; the last one repeats."""
JITTER_SHARE: Final = 0.2
"""By how much of itself a wait may grow, so that many senders do not come back together."""
MAX_RETRY_AFTER_S: Final = 3_600.0
MAX_AGE: Final = timedelta(hours=24)
"""After this an alert is no news; the message is given up and shown as dead."""


class Courier:
    """Empties the outbox."""

    def __init__(
        self,
        state: AlertStateStore,
        notifier_for: Callable[[str], Notifier | None],
        *,
        clock: Clock,
        jitter: Callable[[], float],
    ) -> None:
        """Send through ``notifier_for(receiver)``; None means that it is not configured.

        ``jitter`` returns numbers from 0 to 1.
        """
        self._state = state
        self._notifier_for = notifier_for
        self._clock = clock
        self._jitter = jitter
        self._paused_until: dict[str, datetime] = {}

    def deliver(self, *, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Try every message that is due, oldest first.

        After one failure a receiver is left alone for a moment, then its next message is tried:
        one that is down costs one timeout, and one message that it chokes on does not hold up the
        rest.
        """
        now = self._clock.now()
        paused = [name for name, until in self._paused_until.items() if now < until]
        for delivery in self._state.due(now, except_for=paused):
            if should_stop():
                return
            if delivery.receiver not in paused and not self._attempt(delivery):
                paused.append(delivery.receiver)

    def _attempt(self, delivery: Delivery) -> bool:
        """Send one message and remember how it went; False if the receiver seems to be down."""
        notifier = self._notifier_for(delivery.receiver)
        if notifier is None:
            self._finish(delivery, "unconfigured", "the receiver is not configured")
            return True
        try:
            message = message_of(delivery)
        except (ValueError, KeyError, TypeError) as error:
            # It can never be sent; it must not hold up those behind it.
            self._finish(delivery, "dead", f"the message cannot be read ({type(error).__name__})")
            return True
        outcome = notifier.send(message)
        match outcome:
            case Sent():
                self._finish(delivery, "sent", None)
                return True
            case GiveUp():
                self._finish(delivery, "dead", outcome.reason)
                return True
            case RetryAfter():
                self._postpone(delivery, outcome)
                return False
            case _:
                assert_never(outcome)

    def _postpone(self, delivery: Delivery, outcome: RetryAfter) -> None:
        now = self._clock.now()
        wait, pause = wait_s(delivery.attempts + 1, jitter=self._jitter()), BACKOFF_S[0]
        if outcome.seconds is not None:
            wait = pause = min(max(outcome.seconds, 1.0), MAX_RETRY_AFTER_S)
        self._paused_until[delivery.receiver] = now + timedelta(seconds=pause)
        next_attempt_at = now + timedelta(seconds=wait)
        if next_attempt_at - delivery.created_at > MAX_AGE:
            self._finish(delivery, "dead", f"{outcome.reason}, for {MAX_AGE.days * 24} h")
            return
        logger.warning(
            "alert message to %s not delivered (%s); next attempt in %.0f s",
            delivery.receiver,
            outcome.reason,
            wait,
        )
        self._state.mark(
            delivery.delivery_id,
            "waiting",
            now=now,
            attempts=delivery.attempts + 1,
            next_attempt_at=next_attempt_at,
            error=outcome.reason,
        )

    def _finish(self, delivery: Delivery, status: DeliveryStatus, reason: str | None) -> None:
        # That a receiver is not configured is said once, when the engine starts.
        if status == "dead":
            logger.error("alert message to %s is given up: %s", delivery.receiver, reason)
        attempts = delivery.attempts + (status != "unconfigured")
        self._state.mark(
            delivery.delivery_id,
            status,
            now=self._clock.now(),
            attempts=attempts,
            error=reason,
        )


def message_of(delivery: Delivery) -> Message:
    """Return what is told. Raises ValueError, KeyError or TypeError if it cannot be read."""
    kind = Document if delivery.kind == "report" else Notification
    return kind.from_json(delivery.payload)


def wait_s(attempts: int, *, jitter: float) -> float:
    """Return the seconds to wait after ``attempts`` (≥ 1) failures."""
    base = BACKOFF_S[min(attempts, len(BACKOFF_S)) - 1]
    return base * (1 + JITTER_SHARE * jitter)


def notifier_for(
    receiver: Receiver, *, home: Path, dashboard_url: str | None = None
) -> Notifier | None:
    """Return the notifier of ``receiver``, None if what it needs is not set.

    A relative path of a file receiver is taken from ``home``.
    """
    match receiver.type:
        case "slack":
            url = resolve(receiver.url) if receiver.url else None
            return SlackNotifier(url, dashboard_url=dashboard_url) if url else None
        case "file":
            return FileNotifier(home / (receiver.path or "alerts.jsonl"))
        case "log":
            return LogNotifier()


def receiver_of(book: RuleBook, name: str, *, home: Path) -> Notifier:
    """Return the notifier of a receiver by name, for messages that someone sends by hand.

    Raises ConfigError if there is none of that name, or what it needs is not set.
    """
    if name not in book.receivers:
        known = ", ".join(sorted(book.receivers)) or "none"
        raise ConfigError(f'no receiver is called "{plain(name)}"; receivers: {known}')
    notifier = notifier_for(book.receivers[name], home=home)
    if notifier is None:
        raise ConfigError(f"receiver {name} is not configured; set {book.receivers[name].url}")
    return notifier


def configured(receivers: Mapping[str, Receiver]) -> tuple[list[str], list[str]]:
    """Return the names of the receivers that can be reached, and of those that cannot (yet)."""
    ready = {name for name, item in receivers.items() if item.url is None or resolve(item.url)}
    return sorted(ready), sorted(set(receivers) - ready)
