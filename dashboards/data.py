"""Where the pages get their figures: the only file here that calls llmtrace, with the caches.

Every figure is an answer of the metric layer or of a named query; nothing is computed from money
here. Times are shown in the viewer's zone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.components.tree import Step, tree
from dashboards.figures import Bar, Figure, Spender, View
from dashboards.home import home
from llmtrace.clock import SystemClock
from llmtrace.errors import LlmtraceError, QueryError
from llmtrace.store import open_store
from llmtrace.store.comparison import change_ratio, difference, share
from llmtrace.store.detail import Conversation, CostLine, conversation, cost_lines
from llmtrace.store.forecast import MonthForecast, forecast_month
from llmtrace.store.metric_time import Grain, bucket_starts, check_timezone, period_start
from llmtrace.store.metrics import TIME, MetricQuery, previous, run_metrics
from llmtrace.store.queries import (
    PAGE_ROWS,
    PageEnd,
    Scope,
    TraceSearch,
    firing_alerts,
    first_call_at,
    latest_errors,
    search_traces,
    span_detail,
    trace_spans,
    trace_summary,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmtrace.store import HomeStore

__all__ = [
    "PAGE_ROWS",
    "Bar",
    "Conversation",
    "CostLine",
    "DataError",
    "Figure",
    "PageEnd",
    "QueryError",
    "Scope",
    "Spender",
    "Step",
    "TraceSearch",
    "View",
    "home",
]

DataError = LlmtraceError
"""What any function here raises when there are no figures; its text is for people."""
RANGES: Final = ("1h", "24h", "7d", "30d", "MTD")
TOP_SERIES: Final = 6
_RATES: Final = ("error_rate", "cache_hit_rate")
NO_VALUE: Final = "(none)"
# Moments are rounded up to this, so that viewers share cached answers and none is older.
_STEP_S: Final = 10
_LENGTHS: Final[dict[str, tuple[timedelta, Grain]]] = {
    "1h": (timedelta(hours=1), "minute"),
    "24h": (timedelta(hours=24), "hour"),
    "7d": (timedelta(days=7), "hour"),
    "30d": (timedelta(days=30), "day"),
}
_FIELDS: Final = {
    "environment": "environments",
    "provider": "providers",
    "model": "models",
    "user": "users",
    "feature": "features",
    "tenant": "tenants",
}


class _NoCallsError(Exception):
    """Keeps "none yet" out of the cache: what raises is not cached."""


def has_calls() -> bool:
    """Tell whether the store holds any call."""
    try:
        return _first_call(str(home())) is not None
    except _NoCallsError:
        return False


def view(span: str, chosen: Mapping[str, Sequence[str]], zone: str) -> View:
    """Return what a range and chosen values mean now, in the viewer's zone."""
    try:
        check_timezone(zone)
    except QueryError:
        zone = "UTC"
    now = _now()
    if span in _LENGTHS:
        length, grain = _LENGTHS[span]
        start = now - length
    else:
        start = period_start(now, "month", zone)
        grain = "day" if now - start > timedelta(days=2) else "hour"
    filters = {_FIELDS[name]: tuple(values) for name, values in chosen.items()}
    return View(
        scope=Scope(start=start, end=now, **filters), grain=grain, zone=zone, now=now, range=span
    )


def moved_on(shown: View) -> View:
    """Return the same view as of now; a range that began at the month's start keeps its start."""
    now = _now()
    scope = shown.scope
    start = now - _LENGTHS[shown.range][0] if shown.range in _LENGTHS else scope.start
    return replace(shown, now=now, scope=replace(scope, start=start, end=now))


def known_values(dimension: str) -> list[str]:
    """Return the 200 values most called in the last 30 days."""
    now = _now().replace(second=0) + timedelta(minutes=1)
    query = MetricQuery(
        measures=("requests",),
        by=(dimension,),
        start=now - timedelta(days=30),
        end=now,
        order_by=("-requests",),
        limit=200,
    )
    return [row[dimension] for row in _ask(str(home()), query) if row[dimension] is not None]


def figures(shown: View) -> dict[str, Figure]:
    """Return requests, error rate, latency and cache figures of the range."""
    query = _query(
        shown, "requests", "error_rate", "latency_p95", "cache_hit_rate", "cache_savings", "cost"
    )
    return _figures(query, shown)


def today(shown: View) -> Figure:
    """Return the spend since midnight, against yesterday until the same hour."""
    start = period_start(shown.now, "day", shown.zone)
    current = _one(_query(shown, "cost", start=_before(start, shown.now)))
    earlier = _one(_query(shown, "cost", start=start - timedelta(days=1),
                          end=shown.now - timedelta(days=1)))  # fmt: skip
    course = _query(shown, "cost", start=shown.now - timedelta(hours=24), grain="hour")
    return Figure(
        value=current["cost"],
        change=change_ratio(current["cost"], earlier["cost"]),
        course=_course(course, "cost"),
        unpriced=current["unpriced_count"],
    )


def month(shown: View) -> tuple[Figure, MonthForecast]:
    """Return the month to date and where it is heading."""
    start = period_start(shown.now, "month", shown.zone)
    current = _one(_query(shown, "cost", start=_before(start, shown.now)))
    first = _first_call(str(home()))
    forecast = forecast_month(
        current["cost"],
        now=shown.now,
        timezone=shown.zone,
        first_call_at=first.replace(tzinfo=UTC) if first else None,
    )
    course = _query(shown, "cost", start=shown.now - timedelta(days=30), grain="day")
    figure = Figure(
        value=current["cost"],
        change=None,
        course=_course(course, "cost"),
        unpriced=current["unpriced_count"],
    )
    return figure, forecast


def cost_over_time(shown: View, by: str) -> tuple[list[Bar], list[str]]:
    """Return cost by bucket and series, and the series by cost; small ones are one, the last."""
    query = _query(shown, "cost", by=(by,), grain=shown.grain, top=TOP_SERIES)
    total = _query(shown, "cost", by=(by,), top=TOP_SERIES, order_by=("-cost",))
    series = [_label(row[by]) for row in _ask(str(home()), total) if row["cost"] is not None]
    last = [name for name in (NO_VALUE, "(other)") if name in series]
    bars = [
        Bar(time_ms=_ms(row[TIME]), series=_label(row[by]), cost=row["cost"])
        for row in _ask(str(home()), query)
        if row["cost"] is not None
    ]
    return bars, [name for name in series if name not in last] + last


def spenders(shown: View, by: str) -> list[Spender]:
    """Return the ten values of a dimension that cost most."""
    query = _query(
        shown, "cost", "requests", "cost_per_request", by=(by,), order_by=("-cost",), limit=10
    )
    rows = _ask(str(home()), query)
    total = _one(_query(shown, "cost"))["cost"]
    earlier = previous(_query(shown, "cost", by=(by,)))
    before = {row[by]: row["cost"] for row in _ask(str(home()), earlier)}
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
    query = _query(shown, "unpriced_count", by=("model",), order_by=("-unpriced_count",), limit=50)
    rows = _ask(str(home()), query)
    return [(row["model"], row["unpriced_count"]) for row in rows if row["unpriced_count"]]


def errors(shown: View) -> list[dict[str, Any]]:
    """Return the calls that failed last, with ``when`` in the viewer's zone."""
    return _with_local_time(_errors(str(home()), shown.scope), shown.zone)


def alerts() -> list[dict[str, Any]]:
    """Return the alerts that fire."""
    return _alerts(str(home()))


def traces(search: TraceSearch, zone: str, after: PageEnd | None = None) -> list[dict[str, Any]]:
    """Return one page of traces, newest first, with ``when`` in the viewer's zone."""
    return _with_local_time(_traces(str(home()), search, after), zone)


def trace(trace_id: str, zone: str) -> tuple[dict[str, Any], list[Step]] | None:
    """Return a trace's sums and its spans in the order of the tree; None if it is not stored."""
    store = _store(str(home()))
    summary = trace_summary(store, trace_id)
    if summary is None:
        return None
    rows = trace_spans(store, trace_id).to_pylist()
    return _with_local_time([summary], zone)[0], tree(rows)


def span(trace_id: str, span_id: str, zone: str) -> dict[str, Any] | None:
    """Return everything known of one span, bodies included; None if it is not stored."""
    found = span_detail(_store(str(home())), trace_id, span_id)
    return None if found is None else _with_local_time([found], zone)[0]


def messages(detail: Mapping[str, Any]) -> Conversation:
    """Return the conversation of a span."""
    return conversation(detail)


def costs(detail: Mapping[str, Any]) -> list[CostLine]:
    """Return what each kind of token of a span cost."""
    return cost_lines(detail)


def _query(shown: View, *measures: str, **changes: Any) -> MetricQuery:
    scope = shown.scope
    settings: dict[str, Any] = {
        "start": scope.start,
        "end": scope.end,
        "timezone": shown.zone,
        "filters": {name: getattr(scope, field) for name, field in _FIELDS.items()},
        **changes,
    }
    return MetricQuery(measures=measures, **settings)


def _figures(query: MetricQuery, shown: View) -> dict[str, Figure]:
    current, earlier = _one(query), _one(previous(query))
    course = _query(shown, *query.measures, grain=shown.grain)
    return {
        name: Figure(
            value=current[name],
            change=(difference if name in _RATES else change_ratio)(current[name], earlier[name]),
            course=_course(course, name),
            unpriced=current["unpriced_count"],
        )
        for name in query.measures
    }


def _course(query: MetricQuery, measure: str) -> list[float]:
    """Return a measure by bucket; a sum is 0 where nothing was called, a rate has no point."""
    found = {_ms(row[TIME]): row[measure] for row in _ask(str(home()), query)}
    grain = query.grain or "day"
    starts = bucket_starts(query.start, query.end, grain, query.timezone)[:-1]
    values = [found.get(_ms(start)) for start in starts]
    if measure in ("cost", "requests", "cache_savings"):
        return [float(value or 0) for value in values]
    return [float(value) for value in values if value is not None]


def _before(start: datetime, now: datetime) -> datetime:
    """Return ``start``, or a moment earlier at the very midnight, so that no range is empty."""
    return min(start, now - timedelta(seconds=_STEP_S))


def _label(value: str | None) -> str:
    return NO_VALUE if value is None else value


def _ms(value: datetime) -> int:
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1_000)


def _with_local_time(rows: list[dict[str, Any]], zone: str) -> list[dict[str, Any]]:
    target = ZoneInfo(zone)
    return [
        {**row, "when": row["start_time"].replace(tzinfo=UTC).astimezone(target)} for row in rows
    ]


def _now() -> datetime:
    seconds = SystemClock().now().timestamp()
    return datetime.fromtimestamp((seconds // _STEP_S + 1) * _STEP_S, UTC)


def _one(query: MetricQuery) -> dict[str, Any]:
    (row,) = _ask(str(home()), query)
    return row


@st.cache_resource(max_entries=8, show_spinner=False)
def _store(folder: str) -> HomeStore:
    return open_store(Path(folder))


@st.cache_data(ttl=_STEP_S, max_entries=2_000, show_spinner=False)
def _ask(folder: str, query: MetricQuery) -> list[dict[str, Any]]:
    return run_metrics(_store(folder), query).to_pylist()


@st.cache_data(ttl=600, max_entries=8, show_spinner=False)
def _first_call(folder: str) -> datetime | None:
    found = first_call_at(_store(folder))
    if found is None:
        raise _NoCallsError
    return found


@st.cache_data(ttl=_STEP_S, max_entries=200, show_spinner=False)
def _errors(folder: str, scope: Scope) -> list[dict[str, Any]]:
    return latest_errors(_store(folder), scope, limit=8).to_pylist()


@st.cache_data(ttl=_STEP_S, max_entries=8, show_spinner=False)
def _alerts(folder: str) -> list[dict[str, Any]]:
    return firing_alerts(_store(folder)).to_pylist()


@st.cache_data(ttl=_STEP_S, max_entries=200, show_spinner=False)
def _traces(folder: str, search: TraceSearch, after: PageEnd | None) -> list[dict[str, Any]]:
    return search_traces(_store(folder), search, after=after, limit=PAGE_ROWS + 1).to_pylist()
