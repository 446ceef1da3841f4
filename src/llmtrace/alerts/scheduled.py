"""Reports by the calendar: when one is due it goes into the outbox, once per period.

How far each report has come is kept as a rule's progress is, and changes in the transaction that
keeps its message: killed at any time, a report is neither lost nor made twice. One that was never
seen begins with the period that is running; missed ones are made up for, a few at most.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from llmtrace.reports.facts import make_report
from llmtrace.reports.spans import Span, last_whole
from llmtrace.reports.wording import document
from llmtrace.store.alert_rows import AlertChange, OutgoingMessage, RuleProgress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmtrace.alerts.model import RuleBook, ScheduledReport
    from llmtrace.clock import Clock
    from llmtrace.store.alert_state import AlertStateStore
    from llmtrace.store.reading import Store

logger = logging.getLogger(__name__)

PREFIX: Final = "report:"
"""Of a report's id among those of rules, which hold no colon."""
CATCH_UP: Final = 7
"""Periods that are made up for after downtime, the newest; older ones are skipped."""
RETRY: Final = timedelta(minutes=1)


class ReportSchedule:
    """Makes the reports of a rule book. One per store; not for several threads."""

    def __init__(
        self, book: RuleBook, store: Store, state: AlertStateStore, *, clock: Clock
    ) -> None:
        """Ask ``store``, which is the writer; keep progress and messages in ``state``."""
        self._book = book
        self._store = store
        self._state = state
        self._clock = clock
        self._done_until: dict[str, datetime] = {}
        self._retry_at: dict[str, datetime] = {}

    def take_over(self, stored: Iterable[RuleProgress]) -> None:
        """Go on from what is stored; forget reports that no file has any more."""
        known = {PREFIX + report.id for report in self._book.reports}
        gone: list[str] = []
        for progress in filter(is_of_report, stored):
            if progress.rule_id in known:
                self._done_until[progress.rule_id] = progress.last_tick
            else:
                gone.append(progress.rule_id)
        if gone:
            change = AlertChange(progress=(), removed_rules=tuple(gone))
            self._state.commit(change, now=self._clock.now())

    def tick(self) -> None:
        """Make what is due. A report that cannot be made or kept is tried again in a minute."""
        now = self._clock.now()
        for report in self._book.reports:
            key = PREFIX + report.id
            if now < self._retry_at.get(key, now):
                continue
            try:
                self._bring_up(report, now)
            except Exception as error:  # noqa: BLE001  # whatever is wrong with one, alerts go on
                self._retry_at[key] = now + RETRY
                logger.warning("report %s could not be made: %s", report.id, error)

    def _bring_up(self, report: ScheduledReport, now: datetime) -> None:
        done_until = self._done_until.get(PREFIX + report.id)
        if done_until is None:
            self._keep(report, now, ())
            return
        for due_at, span in due_reports(report, done_until, now):
            self._keep(report, due_at, (self._message(report, span),))

    def _message(self, report: ScheduledReport, span: Span) -> OutgoingMessage:
        facts = make_report(
            self._store,
            by=report.by,
            span=span,
            filters={item.dimension: item.values for item in report.filter},
        )
        return OutgoingMessage(
            episode=f"{PREFIX}{report.id}:{span.start:%Y-%m-%dT%H:%MZ}",
            kind="report",
            receivers=tuple(name for name in report.notify if name in self._book.receivers),
            payload=document(facts, title=report.title).to_json(),
        )

    def _keep(
        self, report: ScheduledReport, until: datetime, messages: tuple[OutgoingMessage, ...]
    ) -> None:
        key = PREFIX + report.id
        progress = RuleProgress(rule_id=key, last_tick=until, alerts=())
        self._state.commit(
            AlertChange(progress=(progress,), messages=messages), now=self._clock.now()
        )
        # Only now: what was not written is made again.
        self._done_until[key] = until


def due_reports(
    report: ScheduledReport, done_until: datetime, now: datetime
) -> list[tuple[datetime, Span]]:
    """Return when reports were due after ``done_until`` and what they are about, oldest first."""
    found: list[tuple[datetime, Span]] = []
    span = last_whole(report.every, now, report.timezone)
    while len(found) < CATCH_UP:
        due_at = _due_at(report, span)
        if due_at <= done_until:
            break
        if due_at <= now:
            found.append((due_at, span))
        span = last_whole(report.every, span.start, report.timezone)
    return found[::-1]


def is_of_report(progress: RuleProgress) -> bool:
    """Say whether a stored progress is a report's, not a rule's."""
    return progress.rule_id.startswith(PREFIX)


def _due_at(report: ScheduledReport, span: Span) -> datetime:
    """Return the moment of ``at`` on the first day after the period."""
    zone = ZoneInfo(report.timezone)
    day = span.end.astimezone(zone).date()
    return datetime.combine(day, report.at, zone).astimezone(UTC)
