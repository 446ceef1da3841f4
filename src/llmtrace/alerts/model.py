"""What a checked rule file says, as frozen records. No parsing, no evaluation.

Values are in base units: shares 0 to 1, seconds, US dollars, counts. Times are aware UTC;
``Budget.timezone`` says where a day, week or month begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import time, timedelta

Severity = Literal["info", "warning", "critical"]
Comparator = Literal[">", ">=", "<", "<="]
NoData = Literal["ok", "keep", "alert", "zero"]
Period = Literal["day", "week", "month"]
Unit = Literal["ratio", "seconds", "usd", "count"]
Labels = tuple[tuple[str, str], ...]
"""Names and values of the dimensions that an alert is about, sorted by name."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric that a rule may name, and where the metric layer has it."""

    measure: str
    """Name of the measure in ``llmtrace.store.metrics``."""
    unit: Unit
    scale: Decimal
    """What one unit of the measure is in ``unit``: milliseconds are 0.001 seconds."""
    is_sampled: bool
    """Whether few requests make it meaningless (a share, a percentile), so that
    ``min_requests`` guards it by default."""


EVALUATOR_ID: Final = "evaluator-error"
"""Id of the built-in rule about rules that cannot be evaluated."""

_ONE: Final = Decimal(1)
_MS: Final = Decimal("0.001")

METRICS: Final[dict[str, Metric]] = {
    "auth_error_count": Metric("auth_errors", "count", _ONE, is_sampled=False),
    "cache_hit_rate": Metric("cache_hit_rate", "ratio", _ONE, is_sampled=True),
    "cost": Metric("cost", "usd", _ONE, is_sampled=False),
    "error_count": Metric("errors", "count", _ONE, is_sampled=False),
    "error_rate": Metric("error_rate", "ratio", _ONE, is_sampled=True),
    "input_tokens": Metric("input_tokens", "count", _ONE, is_sampled=False),
    "latency_p50": Metric("latency_p50", "seconds", _MS, is_sampled=True),
    "latency_p95": Metric("latency_p95", "seconds", _MS, is_sampled=True),
    "latency_p99": Metric("latency_p99", "seconds", _MS, is_sampled=True),
    "output_tokens": Metric("output_tokens", "count", _ONE, is_sampled=False),
    "rate_limit_count": Metric("rate_limit_hits", "count", _ONE, is_sampled=False),
    "request_count": Metric("requests", "count", _ONE, is_sampled=False),
    "timeout_count": Metric("timeouts", "count", _ONE, is_sampled=False),
    "unpriced_count": Metric("unpriced_count", "count", _ONE, is_sampled=False),
}

DIMENSIONS: Final = (
    "environment",
    "error_type",
    "feature",
    "model",
    "provider",
    "service",
    "session",
    "tenant",
    "user",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Keep the calls whose ``dimension`` is one of ``values``."""

    dimension: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A metric over a sliding window, compared with a fixed value."""

    metric: str
    window: timedelta
    op: Comparator
    value: Decimal
    """In the metric's unit."""
    resolve_at: Decimal | None = None
    """A firing alert goes on until the metric is back on the good side of this; None: of
    ``value``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """An amount of money for a period that begins at midnight of a timezone."""

    id: str
    period: Period
    amount_usd: Decimal
    timezone: str
    """IANA name, for example ``Europe/Berlin``."""
    by: tuple[str, ...] = ()
    """Every value of these dimensions has the whole amount for itself."""
    filter: tuple[Filter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetShare:
    """A share of a budget, compared with what the period has cost so far."""

    budget: Budget
    op: Comparator
    percent: Decimal

    @property
    def threshold_usd(self) -> Decimal:
        """The spend at which the condition begins to hold, exact."""
        return self.budget.amount_usd * self.percent / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One rule; many alerts may come of it, one per set of labels."""

    id: str
    title: str
    severity: Severity
    when: Threshold | BudgetShare
    every: timedelta
    """Distance of the ticks at which the rule is evaluated."""
    delay: timedelta
    """How long after a tick it is evaluated, so that late calls are in the store."""
    hold: timedelta
    """``for``: how long the condition must hold before the alert fires."""
    keep_firing_for: timedelta
    """How long the condition must not hold before the alert is resolved."""
    min_requests: int
    """Below this many requests in the window there is no data."""
    no_data: NoData
    by: tuple[str, ...] = ()
    filter: tuple[Filter, ...] = ()
    labels: Labels = ()
    """Fixed labels for people and routing; not part of an alert's identity."""
    summary: str | None = None
    description: str | None = None
    runbook: str | None = None
    notify: tuple[str, ...] = ()
    """Names of receivers."""

    @property
    def unit(self) -> Unit:
        """Unit of the values that this rule compares."""
        return METRICS[self.when.metric].unit if isinstance(self.when, Threshold) else "usd"

    @property
    def is_latched(self) -> bool:
        """Whether a fired alert stays until its period ends: budgets fire once per period."""
        return isinstance(self.when, BudgetShare)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRef:
    """Where a secret is to be found. The secret itself is never part of a rule."""

    kind: Literal["env", "file"]
    name: str
    """Environment variable, or absolute path."""

    def __str__(self) -> str:
        """Give back what the rule file says."""
        return f"${{{self.kind}:{self.name}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Someone who is told."""

    id: str
    type: Literal["slack", "file", "log"]
    url: SecretRef | None = None
    """Webhook of a Slack receiver."""
    path: str | None = None
    """Target of a file receiver."""
    send_resolved: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledReport:
    """A report that is sent once a day, week or month is over."""

    id: str
    every: Period
    at: time
    """Time of day, on the first day after the period, at which it is sent."""
    timezone: str
    """IANA name; says when the period ends and what ``at`` means."""
    by: str
    """Dimension of its table, or ``tag.<key>``."""
    title: str | None = None
    filter: tuple[Filter, ...] = ()
    notify: tuple[str, ...] = ()
    """Names of receivers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """Everything that one or more rule files say, checked."""

    rules: tuple[AlertRule, ...]
    """Enabled rules only."""
    receivers: Mapping[str, Receiver]
    disabled: tuple[str, ...] = ()
    """Ids of rules and reports with ``enabled: false``."""
    reports: tuple[ScheduledReport, ...] = ()
    """Enabled reports only."""
    budgets: tuple[Budget, ...] = ()
    """Those of rules and those without one."""
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    """What it was read from, for who shows it: name of the file → YAML without comments."""
