"""Where the pages get their figures: what each of them means, asked by ``asking``.

Every figure is an answer of the metric layer or of a named query; nothing is computed from money
here. Times are shown in the viewer's zone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.access import viewer
from dashboards.asking import (
    NO_VALUE,
    STEP_S,
    ask,
    ask_of,
    figures_of,
    is_large,
    label,
    one,
    open_at,
    over_time,
    place,
    scoped,
    since,
    wall_ms,
    with_local_time,
)
from dashboards.figures import Bar, Figure, Spender, View
from dashboards.home import home
from dashboards.viewing import (
    known_pairs,
    known_values,
    moved_on,
    one_filter_more,
    other_ranges,
    settled,
    view,
    without_filters,
    zone_of,
)
from llmtrace.errors import LlmtraceError, QueryError
from llmtrace.store.comparison import change_ratio, share
from llmtrace.store.forecast import PeriodForecast, forecast_month
from llmtrace.store.metric_time import bucket_starts
from llmtrace.store.metrics import TIME, previous
from llmtrace.store.queries import (
    Scope,
    firing_alerts,
    first_call_at,
    latest_errors,
)

if TYPE_CHECKING:
    from dashboards.asking import Place

__all__ = [
    "NO_VALUE",
    "Bar",
    "DataError",
    "Figure",
    "QueryError",
    "Scope",
    "Spender",
    "View",
    "home",
    "is_large",
    "known_pairs",
    "known_values",
    "moved_on",
    "one_filter_more",
    "other_ranges",
    "settled",
    "view",
    "without_filters",
    "zone_of",
]

DataError = LlmtraceError
"""What any function here raises when there are no figures; its text is for people."""
CARDS: Final = (
    "requests", "error_rate", "latency_p95", "cache_hit_rate", "cache_savings", "cost",
)  # fmt: skip
TOP_SERIES: Final = 6
OTHER: Final = "(other)"
"""What the metric layer calls the values beyond the first of them."""


class _NoCallsError(Exception):
    """Keeps "none yet" out of the cache: what raises is not cached."""


def has_calls() -> bool:
    """Tell whether the store holds any call."""
    try:
        return _first_call(place()) is not None
    except _NoCallsError:
        return False


def figures(shown: View) -> dict[str, Figure]:
    """Return requests, error rate, latency, cache figures and cost of the range."""
    return figures_of(scoped(shown, *CARDS), shown)


def today(shown: View) -> Figure:
    """Return the spend since midnight, against yesterday until the same hour."""
    day = timedelta(days=1)
    current = since_midnight(shown)
    start = since("day", shown.now, shown.zone)
    earlier = one(scoped(shown, "cost", start=start - day, end=shown.now - day))
    course = scoped(
        shown, "cost", start=shown.now - timedelta(hours=24), end=shown.now, grain="hour"
    )
    return Figure(
        value=current["cost"],
        change=change_ratio(current["cost"], earlier["cost"]),
        course=over_time(course, "cost"),
        unpriced=current["unpriced_count"],
    )


def since_midnight(shown: View) -> dict[str, Any]:
    """Return today's ``cost``, ``unpriced_count`` and ``requests``."""
    start = since("day", shown.now, shown.zone)
    return one(scoped(shown, "cost", "requests", start=start, end=shown.now))


def month(shown: View) -> tuple[Figure, PeriodForecast]:
    """Return the month to date and where it is heading."""
    start = since("month", shown.now, shown.zone)
    current = one(scoped(shown, "cost", start=start, end=shown.now))
    first = _first_call(place())
    forecast = forecast_month(
        current["cost"],
        now=shown.now,
        timezone=shown.zone,
        first_call_at=first.replace(tzinfo=UTC) if first else None,
    )
    course = scoped(shown, "cost", start=shown.now - timedelta(days=30), end=shown.now, grain="day")
    figure = Figure(
        value=current["cost"],
        change=None,
        course=over_time(course, "cost"),
        unpriced=current["unpriced_count"],
    )
    return figure, forecast


def cost_over_time(shown: View, by: str) -> tuple[list[Bar], list[str]]:
    """Return cost by bucket and series, and the series by cost; small ones are one, the last."""
    query = scoped(shown, "cost", by=(by,), grain=shown.grain, top=TOP_SERIES)
    total = scoped(shown, "cost", by=(by,), top=TOP_SERIES, order_by=("-cost",))
    series = [label(row[by]) for row in ask(total) if row["cost"] is not None]
    last = [name for name in (NO_VALUE, OTHER) if name in series]
    bars = [
        Bar(time_ms=wall_ms(row[TIME], shown.zone), series=label(row[by]), cost=row["cost"])
        for row in ask(query)
        if row["cost"] is not None
    ]
    return bars, [name for name in series if name not in last] + last


def chart_edges(shown: View) -> tuple[int, int]:
    """Return where the range begins and ends on a chart's time axis."""
    scope = shown.scope
    return wall_ms(scope.start, shown.zone), wall_ms(scope.end, shown.zone)


def bucket_from(shown: View, time_ms: float) -> tuple[datetime, datetime] | None:
    """Return the bucket of a chart that begins at ``wall_ms``; None if none does."""
    scope = shown.scope
    starts = bucket_starts(scope.start, scope.end, shown.grain, shown.zone)
    for first, last in pairwise(starts):
        if wall_ms(first, shown.zone) == time_ms:
            return first, last
    return None


def spenders(shown: View, by: str) -> list[Spender]:
    """Return the ten values of a dimension that cost most."""
    query = scoped(
        shown, "cost", "requests", "cost_per_request", by=(by,), order_by=("-cost",), limit=10
    )
    rows = ask(query)
    total = one(scoped(shown, *CARDS))["cost"]  # asked for anyway
    earlier = previous(scoped(shown, "cost", by=(by,)))
    before = {row[by]: row["cost"] for row in ask_of(earlier, [row[by] for row in rows])}
    return [
        Spender(
            name=row[by],
            cost=row["cost"],
            share=share(row["cost"], total),
            change=change_ratio(row["cost"], before.get(row[by])),
            requests=row["requests"],
            cost_per_request=row["cost_per_request"],
            unpriced=row["unpriced_count"],
        )
        for row in rows
    ]


def unpriced_models(shown: View) -> list[tuple[str | None, int]]:
    """Return models without a price in the range, and how many calls, most first."""
    query = scoped(shown, "unpriced_count", by=("model",), order_by=("-unpriced_count",), limit=50)
    rows = ask(query)
    return [(row["model"], row["unpriced_count"]) for row in rows if row["unpriced_count"]]


def errors(shown: View) -> list[dict[str, Any]]:
    """Return the calls that failed last, with ``when`` in the viewer's zone."""
    return with_local_time(_errors(place(), shown.scope), shown.zone)


def alerts() -> list[dict[str, Any]]:
    """Return the alerts that fire; none to viewers of some tenants: a rule is of all of them."""
    return _alerts(place()) if viewer().sees_all else []


@st.cache_data(ttl=600, max_entries=200, show_spinner=False)
def _first_call(where: Place) -> datetime | None:
    found = first_call_at(open_at(where))
    if found is None:
        raise _NoCallsError
    return found


@st.cache_data(ttl=STEP_S, max_entries=200, show_spinner=False)
def _errors(where: Place, scope: Scope) -> list[dict[str, Any]]:
    return latest_errors(open_at(where), scope, limit=8).to_pylist()


@st.cache_data(ttl=STEP_S, max_entries=8, show_spinner=False)
def _alerts(where: Place) -> list[dict[str, Any]]:
    return firing_alerts(open_at(where)).to_pylist()
