"""The figures of "Cost": each an answer of the metric layer or a named query, in USD."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.asking import (
    LONGEST_STEP_S,
    NO_VALUE,
    ask,
    ask_of,
    figures_of,
    one,
    open_at,
    place,
    scoped,
    since,
    stamp,
)
from dashboards.home import home
from llmtrace.cli.prices.unpriced import diagnosis
from llmtrace.config import load_settings
from llmtrace.pricing import load_price_book
from llmtrace.store.comparison import change_ratio, share
from llmtrace.store.cost_steps import cost_distribution
from llmtrace.store.forecast import PeriodForecast, forecast_month
from llmtrace.store.metric_time import next_start, period_start
from llmtrace.store.metrics import TIME, previous, run_metrics
from llmtrace.store.queries import first_call_at, unpriced_calls
from llmtrace.store.row_text import csv_cell, csv_line
from llmtrace.store.spend_course import (
    DayCourse,
    MonthCourse,
    day_course,
    month_course,
    weekday_hours,
)
from llmtrace.store.usual import PERIODS

if TYPE_CHECKING:
    from decimal import Decimal

    from dashboards.asking import Place
    from dashboards.figures import Figure, View
    from llmtrace.store.metrics import MetricQuery

__all__ = ["DayCourse", "MonthCourse", "Step"]

LISTED: Final = 100
"""Values of a dimension in the table; the export has all."""
HEAT_WEEKS: Final = 4
_WEEK: Final = timedelta(days=7)
_MEASURES: Final = (
    "cost", "requests", "cost_per_request", "total_tokens", "cache_savings",
)  # fmt: skip
_PER_1K: Final = "cost_per_1k_tokens"
_NOT_ROLLED: Final = frozenset({"user", "tenant"})
"""Dimensions that the hourly rollups do not have."""
_EXPORTED: Final = (
    "cost_usd", "share", "previous_cost_usd", "change", "requests", "cost_per_request_usd",
    "total_tokens", "cost_per_1k_tokens_usd", "cache_savings_usd", "unpriced_calls",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One value of a dimension, and what its calls cost."""

    name: str | None
    cost: Decimal | None
    share: float | None
    before: Decimal | None
    """Cost in the range before; None: unknown, or nothing was called."""
    change: float | None
    requests: int
    per_request: Decimal | None
    tokens: int | None
    per_1k: Decimal | None
    """Of the calls that are priced and told their tokens."""
    saved: Decimal | None
    unpriced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Calls that cost from so much to the next step (1, 2, 5, 10, …)."""

    from_usd: Decimal
    calls: int
    cost: Decimal


def totals(shown: View) -> tuple[Figure, Figure, Figure, Decimal | None]:
    """Return cost, cost per request and tokens of the range, and what 1 000 of the tokens cost."""
    found = figures_of(scoped(shown, "cost", "cost_per_request", "total_tokens"), shown)
    # Asked apart, once: the hourly rollups cannot tell it, but they answer for the others.
    per_1k = one(scoped(shown, _PER_1K))[_PER_1K]
    return found["cost"], found["cost_per_request"], found["total_tokens"], per_1k


def today(shown: View) -> DayCourse:
    """Return today's spend by hour, against the last eight days of its weekday."""
    begin = period_start(shown.now, "day", shown.zone)
    query = scoped(shown, "cost", start=begin - _WEEK * PERIODS, end=begin, grain="hour")
    # Apart: the days before stay as they are, and are not asked for with every step of today.
    costs = _weekdays_before(query)
    if begin < shown.now:
        costs |= _by_time(ask(replace(query, start=begin, end=shown.now)))
    return day_course(
        costs,
        now=shown.now,
        timezone=shown.zone,
        first_call_at=_first_call(place()),
    )


def month(shown: View) -> tuple[MonthCourse, PeriodForecast, int]:
    """Return this month by day, where it is heading, and its calls without a price."""
    begin = since("month", shown.now, shown.zone)
    total = one(scoped(shown, "cost", start=begin, end=shown.now))
    forecast = forecast_month(
        total["cost"],
        now=shown.now,
        timezone=shown.zone,
        first_call_at=_first_call(place()),
    )
    rows = ask(scoped(shown, "cost", start=begin, end=shown.now, grain="day"))
    course = month_course(_by_time(rows), forecast, now=shown.now, timezone=shown.zone)
    return course, forecast, total["unpriced_count"]


def lines(shown: View, by: str, *, limit: int | None = LISTED) -> list[Line]:
    """Return the values of a dimension, what costs most first; at most ``limit``, None: all."""
    # Where the calls themselves are counted anyway, it is one question.
    measures = (*_MEASURES, _PER_1K) if by in _NOT_ROLLED else _MEASURES
    rows = ask(scoped(shown, *measures, by=(by,), order_by=("-cost", "-requests"), limit=limit))
    total = one(scoped(shown, "cost"))["cost"]
    names = None if limit is None else tuple(row[by] for row in rows)
    before = _before(shown, by, names)
    told = rows if by in _NOT_ROLLED else ask_of(scoped(shown, _PER_1K, by=(by,)), names)
    per_1k = {row[by]: row[_PER_1K] for row in told}
    return [_line(row, by, total, before.get(row[by]), per_1k.get(row[by])) for row in rows]


def number_of(shown: View, by: str) -> int:
    """Return how many values of a dimension have calls."""
    return len(ask(scoped(shown, "requests", by=(by,))))


def export(shown: View, by: str) -> str:
    """Return all values of a dimension as CSV: money exact, unknown empty, no cell a formula."""
    rows = [
        (line.name if line.name is not None else NO_VALUE, line.cost, line.share, line.before,
         line.change, line.requests, line.per_request, line.tokens, line.per_1k, line.saved,
         line.unpriced)
        for line in lines(shown, by, limit=None)
    ]  # fmt: skip
    table = [(by, *_EXPORTED), *rows]
    return "".join(csv_line([csv_cell(cell) for cell in row]) + "\n" for row in table)


def heat(shown: View) -> dict[tuple[int, int], Decimal]:
    """Return what each weekday and hour cost in the four weeks until now."""
    # Whole hours, so that no cell has a part of a fifth week's hour.
    end = next_start(period_start(shown.now, "hour", shown.zone), "hour", shown.zone)
    query = scoped(shown, "cost", start=end - _WEEK * HEAT_WEEKS, end=end, grain="hour")
    return _heat(place(), query, stamp(query.start, query.end))


def distribution(shown: View) -> list[Step]:
    """Return how many calls cost how much, in steps without gaps."""
    query = scoped(shown, "cost")
    return [
        Step(from_usd=row["from_usd"], calls=row["calls"], cost=row["cost_usd"])
        for row in _distribution(place(), query, stamp(query.start, query.end))
    ]


def fixes(shown: View, models: tuple[str | None, ...]) -> list[str]:
    """Return the lines of prices.yaml that would price these models; ``?`` for each price."""
    found = _diagnoses(place(), shown.scope.start, shown.scope.end)
    return [
        str(each["fix"]) for each in found if each["model"] in models and each["fix"] is not None
    ]


def _line(
    row: dict[str, Any],
    by: str,
    total: Decimal | None,
    before: Decimal | None,
    per_1k: Decimal | None,
) -> Line:
    return Line(
        name=row[by],
        cost=row["cost"],
        share=share(row["cost"], total),
        before=before,
        change=change_ratio(row["cost"], before),
        requests=row["requests"],
        per_request=row["cost_per_request"],
        tokens=row["total_tokens"],
        per_1k=per_1k,
        saved=row["cache_savings"],
        unpriced=row["unpriced_count"],
    )


def _before(
    shown: View, by: str, names: tuple[str | None, ...] | None
) -> dict[str | None, Decimal]:
    """Return what values cost in the range before."""
    return {
        row[by]: row["cost"] for row in ask_of(previous(scoped(shown, "cost", by=(by,))), names)
    }


def _by_time(rows: list[dict[str, Any]]) -> dict[datetime, Decimal]:
    return {row[TIME].replace(tzinfo=UTC): row["cost"] for row in rows if row["cost"] is not None}


@st.cache_data(ttl=600, max_entries=200, show_spinner=False)
def _first_call(where: Place) -> datetime:
    found = first_call_at(open_at(where))
    # A page is shown only once there is a call; if it was deleted since, no day is known whole.
    return datetime.max.replace(tzinfo=UTC) if found is None else found.replace(tzinfo=UTC)


def _weekdays_before(query: MetricQuery) -> dict[datetime, Decimal]:
    """Return the hours of a question that are of the weekday on which it ends.

    Each day is asked for by itself: of a model it is a part of the answer for all.
    """
    costs: dict[datetime, Decimal] = {}
    noon = query.start + timedelta(hours=12)  # a change of the clock makes it no other day
    while noon < query.end:
        start = period_start(noon, "day", query.timezone)
        end = next_start(start, "day", query.timezone)
        costs |= _by_time(ask(replace(query, start=start, end=end)))
        noon += _WEEK
    return costs


@st.cache_data(ttl=LONGEST_STEP_S, max_entries=200, show_spinner=False)
def _heat(where: Place, query: MetricQuery, at: int) -> dict[tuple[int, int], Decimal]:
    del at  # of the key: ``stamp``
    costs = _by_time(run_metrics(open_at(where), query).to_pylist())
    return weekday_hours(costs, query.timezone)


@st.cache_data(ttl=LONGEST_STEP_S, max_entries=200, show_spinner=False)
def _distribution(where: Place, query: MetricQuery, at: int) -> list[dict[str, Any]]:
    del at  # of the key: ``stamp``
    return cost_distribution(open_at(where), query).to_pylist()


@st.cache_data(ttl=60, max_entries=200, show_spinner=False)
def _diagnoses(where: Place, start: datetime, end: datetime) -> list[dict[str, object]]:
    # Of the range that is shown: a whole store takes what there is of memory for one question.
    book = load_price_book(load_settings(home=home()))
    found = unpriced_calls(open_at(where), start, end)
    return [diagnosis(row, book) for row in found.to_pylist()]
