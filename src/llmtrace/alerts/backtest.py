"""What a rule would have done over a range of time: values and firings, from what is stored.

The samples go through the very ``step`` that runs live. They are taken in a few questions for the
whole range instead of one for each tick; where there would be too many ticks, series or calls, the
ticks lie further apart, and the result says how far. Calls that arrived late count here in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from llmtrace.alerts.evaluate import filters_of, has_budget, measures_of, sample_of
from llmtrace.alerts.grid import last_tick_at, period_of, window_of
from llmtrace.alerts.model import Threshold
from llmtrace.alerts.step import RuleState, step
from llmtrace.store.metric_definitions import MEASURES
from llmtrace.store.metric_time import bucket_starts, next_start, period_start
from llmtrace.store.metrics import MAX_OVERLAP, TIME, MetricQuery, Windows, run_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from llmtrace.alerts.model import AlertRule, BudgetShare, Labels
    from llmtrace.alerts.step import Event, Sample
    from llmtrace.store import Store
    from llmtrace.store.metric_time import Grain

MAX_TICKS: Final = 1_500
"""A day of minutes, and what comes before it."""
MAX_POINTS: Final = 30_000
"""Ticks times series."""
MAX_SERIES: Final = 40
"""Sets of labels that are looked at: those with most calls."""
MAX_COUNTED: Final = 4_000_000
"""Calls times the windows that each is in."""

Row = dict[str, Any]
Group = tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The values of one set of labels."""

    labels: Labels
    points: tuple[tuple[datetime, Decimal | None], ...]
    """Ticks (aware, after the range's start) and values in the rule's unit; None: nothing to
    compute it from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """From when to when one alert would have fired."""

    labels: Labels
    start: datetime
    """Not before the range."""
    end: datetime | None
    """None: at the end of the range it still fires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """What a rule would have done."""

    every: timedelta
    """Distance of the ticks that were looked at; live it is the rule's."""
    series: tuple[Series, ...]
    """What has most calls first."""
    firings: tuple[Firing, ...]
    """In order of time."""
    is_partial: bool
    """Whether there are more series than were looked at."""


def threshold_of(rule: AlertRule) -> Decimal:
    """Return what a rule's values are compared with, in its unit."""
    return rule.when.value if isinstance(rule.when, Threshold) else rule.when.threshold_usd


def backtest(store: Store, rule: AlertRule, start: datetime, end: datetime) -> Backtest:
    """Run a rule from ``start`` to ``end`` (aware). Raises QueryError and StoreError."""
    # Alerts that fire at the start began before it; this far back at least is looked.
    lead = min(rule.hold + rule.keep_firing_for, timedelta(days=1))
    begin = start - lead
    if not isinstance(rule.when, Threshold):
        begin = period_of(rule.when.budget, start + timedelta(microseconds=1)).start
    groups = _groups(store, rule, begin, end)
    kept = groups[:MAX_SERIES]
    if isinstance(rule.when, Threshold):
        every = _every(store, rule, rule.when, (begin, end), len(kept))
        samples = _threshold_samples(store, rule, rule.when, (begin, end), every, kept)
    else:
        every, grain = _grain(end - start)
        samples = _budget_samples(store, rule, rule.when, (start, end), grain, kept)
    found = list(samples)
    return Backtest(
        every=every,
        series=_series(found, start),
        firings=_firings(rule, found, start),
        is_partial=len(groups) > MAX_SERIES,
    )


def _groups(store: Store, rule: AlertRule, start: datetime, end: datetime) -> list[Group]:
    """Return the sets of labels that have calls, those with most first, one more than are kept."""
    if not rule.by:
        return [()]
    query = MetricQuery(
        measures=("requests",),
        start=start,
        end=end,
        by=rule.by,
        filters=filters_of(rule),
        order_by=("-requests",),
        limit=MAX_SERIES + 1,
    )
    rows: list[Row] = run_metrics(store, query).to_pylist()
    is_budget = not isinstance(rule.when, Threshold)
    return [_group(rule, row) for row in rows if not is_budget or has_budget(rule, row)]


def _group(rule: AlertRule, row: Row) -> Group:
    return tuple(row[name] for name in rule.by)


def _every(
    store: Store,
    rule: AlertRule,
    when: Threshold,
    span: tuple[datetime, datetime],
    series: int,
) -> timedelta:
    """Return how far apart the ticks are, a multiple of the rule's own distance."""
    start, end = span
    query = MetricQuery(
        measures=("requests",), start=start - when.window, end=end, filters=filters_of(rule)
    )
    (found,) = run_metrics(store, query).to_pylist()
    ticks = (end - start) / rule.every
    overlap = when.window / rule.every
    factor = max(
        1.0,
        ticks / MAX_TICKS,
        ticks * max(series, 1) / MAX_POINTS,
        overlap / MAX_OVERLAP,
        overlap * found["requests"] / MAX_COUNTED,
    )
    return rule.every * -int(-factor // 1)


def _threshold_samples(
    store: Store,
    rule: AlertRule,
    when: Threshold,
    span: tuple[datetime, datetime],
    every: timedelta,
    kept: Sequence[Group],
) -> Iterator[tuple[datetime, list[Sample]]]:
    start, end = span
    query = MetricQuery(
        measures=measures_of(rule),
        start=start,
        end=end,
        by=rule.by,
        filters=_filters(rule, kept),
        windows=Windows(length_s=_seconds(when.window), every_s=_seconds(every)),
    )
    by_tick = _by_time(run_metrics(store, query).to_pylist()) if kept else {}
    wanted = set(kept)
    tick = last_tick_at(start, every) + every
    while tick <= end:
        rows = by_tick.get(tick, []) if rule.by else by_tick.get(tick) or [_nothing(rule)]
        yield tick, [sample_of(rule, row) for row in rows if _group(rule, row) in wanted]
        tick += every


def _nothing(rule: AlertRule) -> Row:
    """Return what the metric layer says of no calls: counts are 0, all else is unknown."""
    return {name: 0 if MEASURES[name].unit == "calls" else None for name in measures_of(rule)}


def _grain(length: timedelta) -> tuple[timedelta, Grain]:
    if length <= timedelta(hours=3):
        return timedelta(minutes=1), "minute"
    if length <= timedelta(days=8):
        return timedelta(hours=1), "hour"
    return timedelta(days=1), "day"


def _budget_samples(
    store: Store,
    rule: AlertRule,
    when: BudgetShare,
    span: tuple[datetime, datetime],
    grain: Grain,
    kept: Sequence[Group],
) -> Iterator[tuple[datetime, list[Sample]]]:
    """Add up spend bucket by bucket, from the beginning of the period that the range begins in."""
    timezone = when.budget.timezone
    first = period_start(span[0], grain, timezone)
    begin = period_of(when.budget, first + timedelta(microseconds=1)).start
    spent = _Spent(rule)
    if begin < first:
        spent.add(_spend(store, rule, (begin, first), kept))
        yield first, spent.samples(first)
    by_bucket = _by_time(_spend(store, rule, (first, span[1]), kept, grain=grain))
    for bucket in bucket_starts(first, span[1], grain, timezone):
        tick = min(next_start(bucket, grain, timezone), span[1])
        spent.enter(tick)
        spent.add(by_bucket.get(bucket, []))
        yield tick, spent.samples(tick)


def _spend(
    store: Store,
    rule: AlertRule,
    span: tuple[datetime, datetime],
    kept: Sequence[Group],
    *,
    grain: Grain | None = None,
) -> list[Row]:
    if not kept:
        return []
    timezone = rule.when.budget.timezone if not isinstance(rule.when, Threshold) else "UTC"
    query = MetricQuery(
        measures=measures_of(rule),
        start=span[0],
        end=span[1],
        by=rule.by,
        grain=grain,
        timezone=timezone,
        filters=_filters(rule, kept),
    )
    wanted = set(kept)
    rows: list[Row] = run_metrics(store, query).to_pylist()
    return [row for row in rows if _group(rule, row) in wanted]


class _Spent:
    """What each group of calls has cost since its period began."""

    def __init__(self, rule: AlertRule) -> None:
        self._rule = rule
        self._period: str | None = None
        self._rows: dict[Group, Row] = {}

    def enter(self, tick: datetime) -> None:
        """Begin anew if another period runs at a tick."""
        period = window_of(self._rule, tick).period
        if period != self._period and self._period is not None:
            self._rows.clear()
        self._period = period

    def add(self, rows: Sequence[Row]) -> None:
        for row in rows:
            group = _group(self._rule, row)
            known = self._rows.get(group)
            if known is None:
                self._rows[group] = dict(row)
                continue
            known["requests"] += row["requests"]
            if row["cost"] is not None:
                known["cost"] = (known["cost"] or Decimal(0)) + row["cost"]

    def samples(self, tick: datetime) -> list[Sample]:
        rows = list(self._rows.values())
        if not self._rule.by and not rows:
            rows = [_nothing(self._rule)]
        period = window_of(self._rule, tick).period
        self._period = period
        return [sample_of(self._rule, row, period=period) for row in rows]


def _filters(rule: AlertRule, kept: Sequence[Group]) -> dict[str, Sequence[str | None]]:
    """Return the calls of the groups that are kept, and perhaps some of others."""
    found = filters_of(rule)
    for place, name in enumerate(rule.by):
        found[name] = list(dict.fromkeys(group[place] for group in kept))
    return found


def _by_time(rows: Sequence[Row]) -> dict[datetime, list[Row]]:
    found: dict[datetime, list[Row]] = {}
    for row in rows:
        found.setdefault(row[TIME].replace(tzinfo=UTC), []).append(row)
    return found


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


def _series(
    samples: Sequence[tuple[datetime, list[Sample]]], start: datetime
) -> tuple[Series, ...]:
    found: dict[Labels, list[tuple[datetime, Decimal | None]]] = {}
    calls: dict[Labels, int] = {}
    for tick, each in samples:
        for sample in each:
            calls[sample.labels] = calls.get(sample.labels, 0) + sample.requests
            if tick > start:
                found.setdefault(sample.labels, []).append((tick, sample.value))
    most_first = sorted(found, key=lambda labels: (-calls[labels], labels))
    return tuple(Series(labels=labels, points=tuple(found[labels])) for labels in most_first)


def _firings(
    rule: AlertRule, samples: Sequence[tuple[datetime, list[Sample]]], start: datetime
) -> tuple[Firing, ...]:
    state = RuleState()
    fired: dict[str, Event] = {}
    found: list[Firing] = []
    for tick, each in samples:
        state, events = step(state, tick, each, rule)
        for event in events:
            if event.kind == "firing":
                fired[event.instance.key] = event
            elif event.kind == "resolved":
                begun = fired.pop(event.instance.key)
                if tick > start:
                    found.append(_firing(begun, tick, start))
    found += [_firing(event, None, start) for event in fired.values()]
    return tuple(sorted(found, key=lambda firing: (firing.start, firing.labels)))


def _firing(event: Event, end: datetime | None, start: datetime) -> Firing:
    return Firing(labels=event.instance.labels, start=max(event.tick, start), end=end)
