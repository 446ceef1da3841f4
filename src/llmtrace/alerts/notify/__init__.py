"""Receivers: each renders an alert or a report in its own format and hands it over.

A notifier says what became of one attempt; when to try again, and for how long, is ``delivery``'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from llmtrace.alerts.message import Notification
    from llmtrace.reports.document import Document

    Message = Notification | Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The receiver has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryAfter:
    """Not this time."""

    reason: str
    """For people; holds no secret."""
    seconds: float | None = None
    """How long the receiver asked to be left alone; None if it did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Not this message, ever."""

    reason: str
    """For people; holds no secret."""


Outcome = Sent | RetryAfter | GiveUp


class Notifier(Protocol):
    """One configured receiver."""

    def send(self, message: Message) -> Outcome:
        """Hand ``message`` over, within 10 seconds; never raises for what a receiver does."""
        ...
