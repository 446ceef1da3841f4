"""The alert machine: one pure step, ``(state, tick, samples, rule) → (state, events)``.

Live evaluation, catch-up after downtime, rule tests and backtests all run this function, so that
none of them can differ. It reads no clock: time is the tick, the end of the window that the samples
were taken over. It does no I/O and knows no receiver.

    inactive ──► pending ──► firing ──► inactive (a resolved notice)
        ▲          │  for       ▲ │ condition false: recovering
        └──────────┘            └─┘ for keep_firing_for
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from llmtrace.alerts.model import Threshold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from llmtrace.alerts.model import AlertRule, Comparator, Labels

AlertState = Literal["pending", "firing"]
EventKind = Literal["pending", "cleared", "firing", "resolved"]
Reason = Literal["condition", "calm", "no_data", "period_over", "rule_removed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a rule's query says about one set of labels at one tick."""

    labels: Labels = ()
    value: Decimal | None
    """In the rule's unit; None when there is nothing to compute it from."""
    requests: int
    """Calls that the value was computed from."""
    threshold: Decimal
    """What the value is compared with, in the same unit."""
    period: str | None = None
    """Start of a budget's period, as ISO date; part of the alert's identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One alert that is pending or firing; what is inactive has no instance."""

    key: str
    """Identity over restarts and edits: hash of rule id, labels and period."""
    labels: Labels
    period: str | None = None
    state: AlertState
    since: datetime
    """Tick at which the condition began to hold."""
    fired_at: datetime | None = None
    calm_since: datetime | None = None
    """Tick since which a firing alert's condition has not held; None while it holds."""
    value: Decimal | None
    threshold: Decimal

    @property
    def episode(self) -> str:
        """Identity of this firing, from fired to resolved; empty while pending."""
        return f"{self.key}-{int(self.fired_at.timestamp())}" if self.fired_at else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleState:
    """All that a rule remembers from one tick to the next."""

    last_tick: datetime | None = None
    instances: Mapping[str, Instance] = field(default_factory=dict[str, Instance])
    """By key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A change of one alert's state."""

    kind: EventKind
    reason: Reason
    rule_id: str
    tick: datetime
    instance: Instance
    """As it is after the change; for ``resolved`` and ``cleared``, with the last value seen."""


def alert_key(rule_id: str, labels: Labels, period: str | None = None) -> str:
    """Return the identity of an alert: 16 hex digits."""
    text = json.dumps([rule_id, sorted(labels), period], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def step(
    state: RuleState, tick: datetime, samples: Sequence[Sample], rule: AlertRule
) -> tuple[RuleState, tuple[Event, ...]]:
    """Take one rule from its last tick to ``tick`` and say which alerts changed.

    A tick that is not after the last one changes nothing. Events are in the order of ``samples``,
    then of the alerts that no sample spoke of.
    Raises ValueError if two samples have the same labels: one would hide the other.
    """
    if state.last_tick is not None and tick <= state.last_tick:
        return state, ()
    by_key = _by_key(samples, rule)
    instances: dict[str, Instance] = {}
    events: list[Event] = []
    unseen = [key for key in state.instances if key not in by_key]
    for key in [*by_key, *unseen]:
        before = state.instances.get(key)
        after, event = _advance(key, before, by_key.get(key), tick, rule)
        if after is not None:
            instances[key] = after
        if event is not None:
            events.append(event)
    return RuleState(last_tick=tick, instances=instances), tuple(events)


def _by_key(samples: Sequence[Sample], rule: AlertRule) -> dict[str, Sample]:
    found: dict[str, Sample] = {}
    for sample in samples:
        key = alert_key(rule.id, sample.labels, sample.period)
        if key in found:
            raise ValueError(f"rule {rule.id}: two samples have the labels {dict(sample.labels)}")
        found[key] = sample
    return found


def _advance(
    key: str,
    before: Instance | None,
    sample: Sample | None,
    tick: datetime,
    rule: AlertRule,
) -> tuple[Instance | None, Event | None]:
    """Move one alert by one tick."""
    holds, reason = _verdict(before, sample, rule)
    if holds is None:
        return (before and _with_sample(before, sample)), None
    if before is None:
        if not holds or sample is None:
            return None, None
        before = Instance(
            key=key,
            labels=sample.labels,
            period=sample.period,
            state="pending",
            since=tick,
            value=sample.value,
            threshold=sample.threshold,
        )
        return _raised(before, tick, rule, is_new=True)
    if holds:
        now = _with_sample(replace(before, calm_since=None), sample)
        return _raised(now, tick, rule) if now.state == "pending" else (now, None)
    if before.state == "pending":
        return None, _ended(before, tick, rule.id, reason)
    return _calmed(_with_sample(before, sample), tick, rule, reason)


def _verdict(
    before: Instance | None, sample: Sample | None, rule: AlertRule
) -> tuple[bool | None, Reason]:
    """Say whether the condition holds (None: leave everything as it is), and why."""
    if rule.is_latched and before is not None:
        if sample is None:
            # No sample of this period: the period is over. A quiet period still has a sample.
            return False, "period_over"
        if before.state == "firing" and sample.threshold == before.threshold:
            # Spend only grows; when a correction takes some back, once told is told.
            return None, "condition"
    value = sample.value if sample else None
    if value is None or sample is None or sample.requests < rule.min_requests:
        match rule.no_data:
            case "keep":
                return None, "no_data"
            case "alert":
                return True, "no_data"
            case "zero":
                value = Decimal(0)
            case "ok":
                return False, "no_data"
    limit = sample.threshold if sample else before.threshold if before else Decimal(0)
    resolve_at = rule.when.resolve_at if isinstance(rule.when, Threshold) else None
    if before is not None and before.state == "firing" and resolve_at is not None:
        limit = resolve_at
    return _compare(value, rule.when.op, limit), "calm"


def _raised(
    instance: Instance, tick: datetime, rule: AlertRule, *, is_new: bool = False
) -> tuple[Instance, Event | None]:
    """Let a pending alert fire if its condition has held for long enough."""
    if tick - instance.since >= rule.hold:
        fired = replace(instance, state="firing", fired_at=tick)
        return fired, _event("firing", "condition", rule.id, tick, fired)
    event = _event("pending", "condition", rule.id, tick, instance) if is_new else None
    return instance, event


def _calmed(
    instance: Instance, tick: datetime, rule: AlertRule, reason: Reason
) -> tuple[Instance | None, Event | None]:
    """Resolve a firing alert if its condition has not held for long enough."""
    calm_since = instance.calm_since or tick
    is_over = reason == "period_over" or tick - calm_since >= rule.keep_firing_for
    if is_over:
        return None, _ended(instance, tick, rule.id, reason)
    return replace(instance, calm_since=calm_since), None


def _with_sample(instance: Instance, sample: Sample | None) -> Instance:
    """Take over what was seen; nothing seen leaves the last value to be told."""
    if sample is None or sample.value is None:
        return instance
    return replace(instance, value=sample.value, threshold=sample.threshold)


def _ended(instance: Instance, tick: datetime, rule_id: str, reason: Reason) -> Event:
    kind = "resolved" if instance.state == "firing" else "cleared"
    return _event(kind, reason, rule_id, tick, instance)


def _event(
    kind: EventKind, reason: Reason, rule_id: str, tick: datetime, instance: Instance
) -> Event:
    return Event(kind=kind, reason=reason, rule_id=rule_id, tick=tick, instance=instance)


def _compare(value: Decimal, op: Comparator, limit: Decimal) -> bool:
    match op:
        case ">":
            return value > limit
        case ">=":
            return value >= limit
        case "<":
            return value < limit
        case "<=":
            return value <= limit
