"""Asks the metric layer what a rule wants to know. No SQL, no state, no clock.

A call belongs to the tick's window by when it *started*; see ``llmtrace.store.metrics``.
"""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from llmtrace.alerts.grid import window_of
from llmtrace.alerts.message import format_value
from llmtrace.alerts.model import METRICS, BudgetShare, Threshold
from llmtrace.alerts.step import Sample
from llmtrace.store.alert_rows import rounded
from llmtrace.store.metrics import MetricQuery, run_metrics

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from llmtrace.alerts.model import AlertRule, Labels
    from llmtrace.store import Store

logger = logging.getLogger(__name__)

MAX_SERIES: Final = 500
"""Sets of labels that one rule looks at: the worst ones. A flood of user ids must not become a
flood of alerts, nor hide the first of them."""
_ERRORS: Final = frozenset(
    {"auth_error_count", "error_count", "error_rate", "rate_limit_count", "timeout_count"}
)

Row = dict[str, Any]


class StoreEvaluator:
    """Evaluates rules against a store."""

    def __init__(self, store: Store) -> None:
        """Ask ``store``, a reader or the writer itself."""
        self._store = store
        self._overflowed: set[str] = set()

    def samples(self, rule: AlertRule, tick: datetime) -> Sequence[Sample]:
        """Return one sample per set of labels; without ``by`` there is always exactly one.

        Raises QueryError or StoreError as the store does.
        """
        if isinstance(rule.when, Threshold):
            return self._threshold_samples(rule, rule.when, tick)
        return self._budget_samples(rule, tick)

    def details(self, rule: AlertRule, tick: datetime, sample: Sample) -> Labels:
        """Return figures that help to understand an alert: counts, the commonest error or model."""
        if isinstance(rule.when, BudgetShare):
            return self._spend_details(rule, tick, sample)
        if rule.when.metric in _ERRORS:
            return self._error_details(rule, tick, sample)
        return (("requests", format_value(Decimal(sample.requests), "count")),)

    def _threshold_samples(
        self, rule: AlertRule, when: Threshold, tick: datetime
    ) -> Sequence[Sample]:
        worst_first = "-" if when.op.startswith(">") else ""
        rows = self._ask(
            rule,
            tick,
            measures=measures_of(rule),
            order_by=(f"{worst_first}{METRICS[when.metric].measure}",),
        )
        return [sample_of(rule, row) for row in rows]

    def _budget_samples(self, rule: AlertRule, tick: datetime) -> Sequence[Sample]:
        window = window_of(rule, tick)
        rows = self._ask(rule, tick, measures=measures_of(rule), order_by=("-cost",))
        return [sample_of(rule, row, period=window.period) for row in rows if has_budget(rule, row)]

    def _error_details(self, rule: AlertRule, tick: datetime, sample: Sample) -> Labels:
        total = self._about(rule, tick, sample, measures=("errors", "requests"))[0]
        counts = f"{total['errors']:,} of {total['requests']:,}"
        top = self._about(
            rule, tick, sample, measures=("errors",), by=("error_type",), order_by=("-errors",)
        )
        named = [row for row in top if row["error_type"] is not None and row["errors"]]
        told = (("errors", counts),)
        if not named:
            return told
        return (*told, ("top error", f"{named[0]['error_type']} ({named[0]['errors']:,})"))

    def _spend_details(self, rule: AlertRule, tick: datetime, sample: Sample) -> Labels:
        rows = self._about(
            rule, tick, sample, measures=("cost",), by=("model",), order_by=("-cost",)
        )
        told: list[tuple[str, str]] = []
        if rows and rows[0]["model"] is not None and rows[0]["cost"] is not None:
            spent = format_value(rows[0]["cost"], "usd")
            told.append(("most spent on", f"{rows[0]['model']} ({spent})"))
        unpriced = sum(int(row["unpriced_count"]) for row in rows)
        if unpriced:
            told.append(("not counted", f"{unpriced:,} calls without a price"))
        return tuple(told)

    def _ask(
        self,
        rule: AlertRule,
        tick: datetime,
        *,
        measures: tuple[str, ...],
        order_by: tuple[str, ...],
    ) -> list[Row]:
        window = window_of(rule, tick)
        query = MetricQuery(
            measures=measures,
            start=window.start,
            end=window.end,
            by=rule.by,
            filters=filters_of(rule),
            order_by=order_by if rule.by else (),
            limit=MAX_SERIES if rule.by else None,
        )
        rows = _rows(self._store, query)
        if len(rows) == MAX_SERIES and rule.id not in self._overflowed:
            self._overflowed.add(rule.id)
            logger.warning("alert rule %s: only the worst %d series count", rule.id, MAX_SERIES)
        return rows

    def _about(
        self,
        rule: AlertRule,
        tick: datetime,
        sample: Sample,
        *,
        measures: tuple[str, ...],
        by: tuple[str, ...] = (),
        order_by: tuple[str, ...] = (),
    ) -> list[Row]:
        """Ask about the calls of one sample."""
        window = window_of(rule, tick)
        filters = filters_of(rule)
        labels = dict(sample.labels)
        filters |= {name: (labels.get(name),) for name in rule.by}
        return _rows(
            self._store,
            MetricQuery(
                measures=measures,
                start=window.start,
                end=window.end,
                by=by,
                filters=filters,
                order_by=order_by,
                limit=MAX_SERIES if by else None,
            ),
        )


def measures_of(rule: AlertRule) -> tuple[str, ...]:
    """Return what a rule asks the metric layer for, as ``sample_of`` reads it."""
    return tuple(dict.fromkeys((_measure(rule)[0], "requests")))


def filters_of(rule: AlertRule) -> dict[str, Sequence[str | None]]:
    """Return the calls that a rule looks at, as the metric layer takes them."""
    return {item.dimension: item.values for item in rule.filter}


def has_budget(rule: AlertRule, row: Row) -> bool:
    """Say whether a group of calls has a budget of its own.

    What has no user is nobody's budget; it would add up to one huge user.
    """
    return all(row[name] is not None for name in rule.by)


def sample_of(rule: AlertRule, row: Row, *, period: str | None = None) -> Sample:
    """Return what one row of the metric layer's answer says to a rule."""
    when = rule.when
    measure, scale = _measure(rule)
    return Sample(
        labels=_labels(rule, row),
        value=_number(row[measure], scale),
        requests=int(row["requests"]),
        threshold=when.value if isinstance(when, Threshold) else rounded(when.threshold_usd),
        period=period,
    )


def _measure(rule: AlertRule) -> tuple[str, Decimal]:
    if isinstance(rule.when, BudgetShare):
        return "cost", Decimal(1)
    metric = METRICS[rule.when.metric]
    return metric.measure, metric.scale


def _rows(store: Store, query: MetricQuery) -> list[Row]:
    return run_metrics(store, query).to_pylist()


def _labels(rule: AlertRule, row: Row) -> Labels:
    # A call without the attribute has no label: any word for "none" could be a span's own value.
    return tuple(sorted((name, str(row[name])) for name in rule.by if row[name] is not None))


def _number(value: object, scale: Decimal) -> Decimal | None:
    if value is None:
        return None
    # str of a float is its shortest form: 1/20 is 0.05 here, and not above 5 %.
    return rounded(Decimal(str(value)) * scale)
