"""The alert engine's shell: ticks that are due → samples → ``step`` → one transaction → messages.

What it knows between ticks is in the store, so that it may be killed at any time and goes on where
it was: missed ticks are made up for, since the calls of that time are stored as well.
It neither decides when an alert fires (``step``) nor how to say it (``message``, ``notify``).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Protocol

from llmtrace.alerts.grid import due_ticks, last_tick_at, window_of
from llmtrace.alerts.message import notification
from llmtrace.alerts.model import EVALUATOR_ID, AlertRule, Threshold
from llmtrace.alerts.persist import (
    asks_for_labels_of,
    ended_history_row,
    ended_notification,
    history_row,
    progress,
    rule_state,
)
from llmtrace.alerts.scheduled import is_of_report
from llmtrace.alerts.step import Event, RuleState, Sample, step
from llmtrace.store.alert_rows import AlertChange, HistoryRow, OutgoingMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from llmtrace.alerts.delivery import Courier
    from llmtrace.alerts.message import Notification
    from llmtrace.alerts.model import Labels, RuleBook
    from llmtrace.clock import Clock
    from llmtrace.store.alert_rows import RuleProgress
    from llmtrace.store.alert_state import AlertStateStore

logger = logging.getLogger(__name__)

TICKS_AT_ONCE: Final = 60
"""Ticks of one rule per transaction while making up for missed ones."""
FAILURES_TO_ALERT: Final = 3
DETAILED_AT_ONCE: Final = 20
"""Alerts of one tick whose messages get more figures, worst first: each costs two queries."""

EVALUATOR_RULE: Final = AlertRule(
    id=EVALUATOR_ID,
    title="An alert rule cannot be evaluated",
    severity="critical",
    when=Threshold(
        metric="error_count",
        window=timedelta(minutes=1),
        op=">=",
        value=Decimal(FAILURES_TO_ALERT),
    ),
    every=timedelta(minutes=1),
    delay=timedelta(0),
    hold=timedelta(0),
    keep_firing_for=timedelta(0),
    min_requests=0,
    no_data="ok",
    by=("rule",),
    summary="Alert rule failed {value} times in a row; until it works again it cannot fire",
)
"""Built in: a rule that cannot be evaluated must not look like one that has nothing to say."""


class Evaluator(Protocol):
    """Asks the store on behalf of a rule."""

    def samples(self, rule: AlertRule, tick: datetime) -> Sequence[Sample]:
        """Return what the rule's query says at ``tick``, one sample per set of labels."""
        ...

    def details(self, rule: AlertRule, tick: datetime, sample: Sample) -> Labels:
        """Return more figures for the message about an alert that fires."""
        ...


class Reporter(Protocol):
    """Puts reports that are due into the outbox."""

    def take_over(self, stored: Iterable[RuleProgress]) -> None:
        """Go on from what is stored."""
        ...

    def tick(self) -> None:
        """Make the reports that are due."""
        ...


@dataclass(slots=True)
class _Batch:
    """What several ticks of one rule have led to, until it is written."""

    state: RuleState
    history: list[HistoryRow]
    messages: list[OutgoingMessage]


class AlertEngine:
    """Evaluates rules and fills and empties the outbox. One per store; not for several threads."""

    def __init__(
        self,
        book: RuleBook,
        evaluator: Evaluator,
        state: AlertStateStore,
        courier: Courier,
        *,
        clock: Clock,
        reporter: Reporter | None = None,
    ) -> None:
        """Go on from what ``state`` holds. Raises StoreError if it cannot be read."""
        self._book = book
        self._evaluator = evaluator
        self._state = state
        self._courier = courier
        self._clock = clock
        self._failures: dict[str, int] = {}
        self._retry_at: dict[str, datetime] = {}
        self._states: dict[str, RuleState] = {}
        self._reporter = reporter
        stored = state.load()
        if reporter is not None:
            reporter.take_over(stored)
        self._take_over(row for row in stored if not is_of_report(row))

    def tick(self, *, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Evaluate everything that is due, then deliver everything that is due.

        Messages wait until missed ticks are made up for: what fired and calmed down meanwhile is
        told once, as resolved. A rule that fails is tried again at its next tick.
        Raises StoreError if the outbox cannot be read or written; nothing is lost.
        """
        is_behind = True
        while is_behind and not should_stop():
            is_behind = any([self._evaluate(rule) for rule in self._book.rules])  # noqa: C419  # all of them, not up to the first
        self._watch_evaluation()
        if self._reporter is not None:
            self._reporter.tick()
        self._courier.deliver(should_stop=should_stop)

    def _evaluate(self, rule: AlertRule) -> bool:
        """Take one rule up to its newest tick, or some way; True if ticks remain."""
        now = self._clock.now()
        if now < self._retry_at.get(rule.id, now):
            return False
        state = self._states.get(rule.id, RuleState())
        ticks = due_ticks(rule, state.last_tick, now, limit=TICKS_AT_ONCE)
        batch = _Batch(state, [], [])
        try:
            try:
                for tick in ticks:
                    self._advance(rule, tick, batch, now)
            finally:
                if batch.state is not state:
                    self._commit(rule, batch)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with one rule, the others go on
            self._failed(rule, error, now)
            return False
        self._failures.pop(rule.id, None)
        return len(ticks) == TICKS_AT_ONCE

    def _advance(self, rule: AlertRule, tick: datetime, batch: _Batch, now: datetime) -> None:
        samples = self._evaluator.samples(rule, tick)
        state, events = step(batch.state, tick, samples, rule)
        is_late = now - tick > rule.delay + 2 * rule.every
        by_labels = {(sample.labels, sample.period): sample for sample in samples}
        messages: list[OutgoingMessage] = []
        for event in events:
            sample = by_labels.get((event.instance.labels, event.instance.period))
            details = ()
            if sample is not None and event.kind == "firing" and len(messages) < DETAILED_AT_ONCE:
                details = self._evaluator.details(rule, tick, sample)
            messages += self._messages(event, rule, details)
        # Only now: a query that fails leaves the state at the tick before, to be tried again.
        batch.state = state
        batch.messages += messages
        batch.history += [history_row(item, rule, now=now, is_late=is_late) for item in events]

    def _messages(self, event: Event, rule: AlertRule, details: Labels) -> list[OutgoingMessage]:
        if event.kind not in {"firing", "resolved"}:
            return []
        # The end of a day is no news: a budget's alert ends in silence.
        if event.reason == "period_over":
            return []
        start = window_of(rule, event.tick).start
        message = notification(event, rule, window_start=start, details=details)
        names = self._book.receivers if rule is EVALUATOR_RULE else rule.notify
        return [self._outgoing(message, names)]

    def _outgoing(self, message: Notification, names: Iterable[str]) -> OutgoingMessage:
        receivers = self._book.receivers
        told = [
            name
            for name in names
            if name in receivers and (message.kind == "firing" or receivers[name].send_resolved)
        ]
        return OutgoingMessage(
            episode=message.episode,
            kind=message.kind,
            receivers=tuple(told),
            payload=message.to_json(),
        )

    def _commit(self, rule: AlertRule, batch: _Batch) -> None:
        change = AlertChange(
            progress=(progress(rule, batch.state),),
            history=tuple(batch.history),
            messages=tuple(batch.messages),
        )
        self._state.commit(change, now=self._clock.now())
        # Only now: what was not written is evaluated again.
        self._states[rule.id] = batch.state

    def _failed(self, rule: AlertRule, error: Exception, now: datetime) -> None:
        self._failures[rule.id] = self._failures.get(rule.id, 0) + 1
        self._retry_at[rule.id] = now + rule.every
        logger.warning("alert rule %s could not be evaluated: %s", rule.id, error)

    def _watch_evaluation(self) -> None:
        """Let the built-in rule look at the failures of the others."""
        tick = last_tick_at(self._clock.now(), EVALUATOR_RULE.every)
        state = self._states.get(EVALUATOR_RULE.id, RuleState())
        samples = [
            Sample(
                labels=(("rule", rule_id),),
                value=Decimal(count),
                requests=count,
                threshold=Decimal(FAILURES_TO_ALERT),
            )
            for rule_id, count in sorted(self._failures.items())
        ]
        after, events = step(state, tick, samples, EVALUATOR_RULE)
        if not events and after.instances == state.instances:
            return
        batch = _Batch(after, [], [])
        now = self._clock.now()
        for event in events:
            batch.messages += self._messages(event, EVALUATOR_RULE, ())
            batch.history.append(history_row(event, EVALUATOR_RULE, now=now, is_late=False))
        self._commit(EVALUATOR_RULE, batch)

    def _take_over(self, stored: Iterable[RuleProgress]) -> None:
        """Adopt the stored state; end the alerts of rules that are gone or ask by other labels."""
        rules = {rule.id: rule for rule in (*self._book.rules, EVALUATOR_RULE)}
        for found in stored:
            rule = rules.get(found.rule_id)
            state = rule_state(found)
            if rule is not None and asks_for_labels_of(rule, state):
                self._states[rule.id] = state
            else:
                self._end(found)

    def _end(self, found: RuleProgress) -> None:
        now = self._clock.now()
        messages = [
            self._outgoing(ended_notification(alert, now), self._book.receivers)
            for alert in found.alerts
            if alert.state == "firing"
        ]
        change = AlertChange(
            progress=(),
            removed_rules=(found.rule_id,),
            history=tuple(ended_history_row(alert, now) for alert in found.alerts),
            messages=tuple(messages),
        )
        self._state.commit(change, now=now)
