"""The figures of "Budgets": what each period has cost, where it is heading, how earlier ones ended.

Spend is an answer of the metric layer for the budget's own period, filter and time zone, whatever
the filter bar says. A budget is of all tenants: nothing here is for viewers of some of them only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards import data_alerts
from dashboards.asking import STEP_S, ask, open_at, place, whole_store
from llmtrace.alerts.grid import period_of
from llmtrace.alerts.model import Budget, BudgetShare
from llmtrace.store.comparison import share
from llmtrace.store.forecast import PeriodForecast, forecast_period
from llmtrace.store.metric_time import next_start, period_start
from llmtrace.store.metrics import TIME, MetricQuery
from llmtrace.store.queries import first_call_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.asking import Place
    from dashboards.data_alerts import InForce
    from dashboards.figures import View
    from llmtrace.alerts.model import Labels

__all__ = ["Budget", "Close", "Line", "State", "Summary"]

State = Literal["over", "heading", "near", "within", "unpriced", "unspent"]
LISTED: Final = 20
"""Values of a budget's dimensions that are shown: those that spent most."""
CLOSES: Final = {"day": 14, "week": 8, "month": 6}
"""Period → how many that are over are looked back at."""
NEAR: Final = Decimal("0.8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One budget, or one value of the dimensions by which it is told apart."""

    budget: Budget
    labels: Labels
    spent: Decimal | None
    """Since the period began; None: nothing that was called has a price."""
    requests: int
    unpriced: int
    used: float | None
    """spent ÷ amount."""
    forecast: PeriodForecast
    left: timedelta
    """Until the period ends."""

    @property
    def state(self) -> State:
        """How it stands, the worst that is true."""
        projected, amount = self.forecast.projected_usd, self.budget.amount_usd
        if self.spent is None:
            return "unpriced" if self.requests else "unspent"
        if self.spent >= amount:
            return "over"
        if projected is not None and projected >= amount:
            return "heading"
        return "near" if self.spent >= NEAR * amount else "within"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One budget and its lines, what spent most first; one if it is not told apart."""

    budget: Budget
    lines: tuple[Line, ...]
    is_cut: bool
    """Whether there are more lines."""
    rules: tuple[str, ...]
    """What watches it: ``at 80 % (rule daily-80)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """A period that is over."""

    start: datetime
    """In the budget's time zone."""
    spent: Decimal | None
    used: float | None
    unpriced: int


def in_force() -> InForce | None:
    """Return the rules in force; None if there never were any."""
    return data_alerts.rules()


def summaries(shown: View, rules: InForce) -> list[Summary]:
    """Return the budgets of the rules in force, in their order."""
    whole_store()
    book = rules.book
    if book is None:
        return []
    first = _first_call(place())
    found: list[Summary] = []
    for budget in book.budgets:
        lines = _lines(budget, shown.now, first)
        watching = tuple(
            f"at {rule.when.percent:f} % (rule {rule.id})"
            for rule in book.rules
            if isinstance(rule.when, BudgetShare) and rule.when.budget == budget
        )
        found.append(
            Summary(
                budget=budget,
                lines=tuple(lines[:LISTED]),
                is_cut=len(lines) > LISTED,
                rules=watching,
            )
        )
    return found


def closes(shown: View, line: Line) -> list[Close]:
    """Return the periods that are over, the newest first, held against today's amount."""
    budget = line.budget
    current = period_of(budget, shown.now).start
    start = current
    for _ in range(CLOSES[budget.period]):
        start = period_start(start - timedelta(hours=1), budget.period, budget.timezone)
    first = _first_call(place())
    query = _question(budget, start, current, line.labels)
    rows = {row[TIME].replace(tzinfo=UTC): row for row in ask(replace(query, grain=budget.period))}
    # Before the first call nothing is known of spend; rollups know of calls that were deleted.
    known: list[datetime] = [*rows, *([] if first is None else [first])]
    known_from = min(known, default=current)
    found: list[Close] = []
    while start < current:
        end = next_start(start, budget.period, budget.timezone)
        if known_from < end:
            found.append(_close(budget, start, rows.get(start)))
        start = end
    return found[::-1]


def month_budgets(shown: View) -> list[tuple[str, Decimal]]:
    """Return the monthly budgets of the very calls that the filter bar means: name and amount.

    A name says the time zone if the budget's month begins at another moment than the viewer's.
    Empty for viewers of some tenants.
    """
    rules = data_alerts.rules_or_none()
    if rules is None or rules.book is None:
        return []
    chosen = {name: frozenset(values) for name, values in shown.choice.filters.items()}
    begin = period_start(shown.now, "month", shown.zone)
    found: list[tuple[str, Decimal]] = []
    for budget in rules.book.budgets:
        filters = {item.dimension: frozenset(item.values) for item in budget.filter}
        if budget.period != "month" or budget.by or filters != chosen:
            continue
        is_same = period_start(shown.now, "month", budget.timezone) == begin
        name = budget.id if is_same else f"{budget.id} ({budget.timezone})"
        found.append((name, budget.amount_usd))
    return found


def name_of(line: Line) -> str:
    """Return what a line is about, untrusted: the values of its budget's dimensions."""
    return ", ".join(value for _, value in line.labels) or "all calls"


def _lines(budget: Budget, now: datetime, first: datetime | None) -> list[Line]:
    window = period_of(budget, now)
    query = _question(budget, window.start, now, ())
    if budget.by:
        query = replace(query, by=budget.by, order_by=("-cost", "-requests"), limit=2 * LISTED + 1)
    rows = ask(query)
    # What has no user is nobody's budget.
    known = [row for row in rows if all(row[name] is not None for name in budget.by)]
    return [_line(budget, row, now, first) for row in known]


def _line(budget: Budget, row: dict[str, Any], now: datetime, first: datetime | None) -> Line:
    forecast = forecast_period(
        row["cost"],
        budget.period,
        # At the very midnight it is about the period that ends, as ``period_of`` is.
        now=now - timedelta(microseconds=1),
        timezone=budget.timezone,
        first_call_at=first,
    )
    return Line(
        budget=budget,
        labels=tuple(sorted((name, str(row[name])) for name in budget.by)),
        spent=row["cost"],
        requests=row["requests"],
        unpriced=row["unpriced_count"],
        used=share(row["cost"], budget.amount_usd),
        forecast=forecast,
        left=forecast.period_end - now,
    )


def _close(budget: Budget, start: datetime, row: dict[str, Any] | None) -> Close:
    spent = row["cost"] if row else None
    return Close(
        start=start.astimezone(ZoneInfo(budget.timezone)),
        spent=spent,
        used=share(spent, budget.amount_usd),
        unpriced=row["unpriced_count"] if row else 0,
    )


def _question(budget: Budget, start: datetime, end: datetime, labels: Labels) -> MetricQuery:
    filters: dict[str, Sequence[str | None]] = {
        item.dimension: item.values for item in budget.filter
    }
    filters |= {name: (value,) for name, value in labels}
    return MetricQuery(
        measures=("cost", "requests"),
        start=start,
        end=end,
        timezone=budget.timezone,
        filters=filters,
    )


@st.cache_data(ttl=60 * STEP_S, max_entries=8, show_spinner=False)
def _first_call(where: Place) -> datetime | None:
    found = first_call_at(open_at(where))
    return None if found is None else found.replace(tzinfo=UTC)
