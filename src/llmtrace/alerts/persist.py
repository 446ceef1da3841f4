"""Alert state ⇄ rows of the store. Pure; what a row means to people is added on the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from llmtrace.alerts.message import Notification, summary
from llmtrace.alerts.step import Instance, RuleState
from llmtrace.store.alert_rows import AlertRow, HistoryRow, RuleProgress

if TYPE_CHECKING:
    from datetime import datetime

    from llmtrace.alerts.model import AlertRule, Severity
    from llmtrace.alerts.step import AlertState, Event


def progress(rule: AlertRule, state: RuleState) -> RuleProgress:
    """Return the rows of a rule's state. Raises ValueError before the first tick."""
    tick = state.last_tick
    if tick is None:
        raise ValueError(f"rule {rule.id} was never evaluated: there is nothing to keep")
    return RuleProgress(
        rule_id=rule.id,
        last_tick=tick,
        alerts=tuple(_row(instance, rule, tick) for instance in state.instances.values()),
    )


def rule_state(found: RuleProgress) -> RuleState:
    """Return the state that ``progress`` wrote."""
    instances = [_instance(alert) for alert in found.alerts]
    return RuleState(
        last_tick=found.last_tick,
        instances={instance.key: instance for instance in instances},
    )


def asks_for_labels_of(rule: AlertRule, state: RuleState) -> bool:
    """Say whether the rule still tells apart what its alerts were told apart by."""
    names = {name for instance in state.instances.values() for name, _ in instance.labels}
    return names <= set(rule.by)


def history_row(event: Event, rule: AlertRule, *, now: datetime, is_late: bool) -> HistoryRow:
    """Return the history of one event."""
    instance = event.instance
    return HistoryRow(
        tick=event.tick,
        recorded_at=now,
        rule_id=rule.id,
        key=instance.key,
        episode=instance.episode,
        kind=event.kind,
        reason=event.reason,
        severity=rule.severity,
        labels=instance.labels,
        value=instance.value,
        threshold=instance.threshold,
        summary=summary(instance, rule),
        is_late=is_late,
    )


def ended_history_row(alert: AlertRow, now: datetime) -> HistoryRow:
    """Return the history of an alert whose rule is gone."""
    return HistoryRow(
        tick=now,
        recorded_at=now,
        rule_id=alert.rule_id,
        key=alert.key,
        episode=alert.episode,
        kind="resolved" if alert.state == "firing" else "cleared",
        reason="rule_removed",
        severity=alert.severity,
        labels=alert.labels,
        value=alert.value,
        threshold=alert.threshold,
        summary=alert.summary,
        is_late=False,
    )


def ended_notification(alert: AlertRow, now: datetime) -> Notification:
    """Return the resolved message of an alert whose rule is gone: only its row is left."""
    return Notification(
        kind="resolved",
        reason="rule_removed",
        rule_id=alert.rule_id,
        title=alert.title,
        severity=cast("Severity", alert.severity),
        summary=alert.summary,
        description=None,
        runbook=None,
        value="no data" if alert.value is None else f"{alert.value.normalize():f}",
        threshold=f"{alert.threshold.normalize():f}",
        window=f"to {now:%Y-%m-%d %H:%M} UTC",
        labels=alert.labels,
        extra_labels=(),
        details=(),
        fired_at=alert.fired_at or alert.since,
        tick=now,
        window_start=alert.since,
        episode=alert.episode,
    )


def _row(instance: Instance, rule: AlertRule, tick: datetime) -> AlertRow:
    return AlertRow(
        key=instance.key,
        rule_id=rule.id,
        title=rule.title,
        severity=rule.severity,
        labels=instance.labels,
        period=instance.period,
        state=instance.state,
        since=instance.since,
        fired_at=instance.fired_at,
        calm_since=instance.calm_since,
        value=instance.value,
        threshold=instance.threshold,
        last_tick=tick,
        episode=instance.episode,
        summary=summary(instance, rule),
    )


def _instance(alert: AlertRow) -> Instance:
    return Instance(
        key=alert.key,
        labels=alert.labels,
        period=alert.period,
        state=cast("AlertState", alert.state),
        since=alert.since,
        fired_at=alert.fired_at,
        calm_since=alert.calm_since,
        value=alert.value,
        threshold=alert.threshold,
    )
