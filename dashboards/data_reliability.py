"""The figures of "Latency & reliability", each an answer of the metric layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.asking import (
    LONGEST_STEP_S,
    ask,
    changed,
    figures_of,
    label,
    narrowed,
    one,
    open_at,
    place,
    scoped,
    stamp,
    wall_ms,
    with_local_time,
)
from dashboards.figures import Figure, Point, View
from llmtrace.store.behind import Behind, calls_behind
from llmtrace.store.comparison import share
from llmtrace.store.metrics import TIME, MetricQuery, previous

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from dashboards.asking import Place

__all__ = ["Behind", "Part", "Point", "Retried", "Row", "View"]

Row = dict[str, Any]
TOP: Final = 6
LISTED: Final = 12
CARDS: Final = (
    "latency_p95", "ttfc_p95", "tokens_per_second", "error_rate", "errors", "requests",
    "rate_limit_hits", "retries",
)  # fmt: skip
COMPARED: Final = (
    "requests", "latency_p50", "latency_p95", "latency_p99", "ttfc_p95", "tokens_per_second",
    "error_rate", "rate_limit_hits", "retries",
)  # fmt: skip
FAILED: Final[dict[str, Sequence[str | None]]] = {"status": ("error",)}
"""Filter of the calls that failed."""
HEADROOM: Final = "rate_limit_headroom"
"""Asked apart: the rollups do not know it, and would have to be left aside for all else too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One value of a dimension, how many calls have it, and which share of those asked for."""

    value: str | None
    requests: int
    share: float | None
    change: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """Calls by whether the SDK tried more than once; ``retried`` None: it did not say."""

    retried: str | None
    requests: int
    retries: int | None
    cost: Decimal | None
    unpriced: int
    latency_p50: float | None
    latency_p95: float | None


def cards(shown: View) -> dict[str, Figure]:
    """Return the figures of the range in ``CARDS`` and ``HEADROOM``, with change and course."""
    return {
        **figures_of(scoped(shown, *CARDS), shown),
        **figures_of(scoped(shown, HEADROOM), shown),
    }


def percentiles(shown: View, kind: str) -> list[Point]:
    """Return p50, p95 and p99 by bucket of time; ``kind`` is ``latency`` or ``ttfc``."""
    names = {f"{kind}_p{number}": f"p{number}" for number in (50, 95, 99)}
    return [
        Point(time_ms=wall_ms(row[TIME], shown.zone), series=series, value=row[name])
        for row in ask(scoped(shown, *names, grain=shown.grain))
        for name, series in names.items()
        if row[name] is not None
    ]


def errors_over_time(shown: View) -> tuple[list[Point], list[str]]:
    """Return failed calls by bucket and type of error, and the types, the most frequent first."""
    failed = narrowed(scoped(shown, "requests", by=("error_type",)), {"status": ("error",)})
    total = replace(failed, top=TOP, order_by=("-requests",))
    series = [label(row["error_type"]) for row in ask(total)]
    points = [
        Point(
            time_ms=wall_ms(row[TIME], shown.zone),
            series=label(row["error_type"]),
            value=row["requests"],
        )
        for row in ask(replace(failed, top=TOP, grain=shown.grain))
    ]
    return points, series


def by_value(shown: View, by: str) -> list[Row]:
    """Return ``COMPARED`` and ``HEADROOM`` of the values most called, and ``<name>_change``."""
    query = scoped(shown, *COMPARED, by=(by,), order_by=("-requests",), limit=LISTED)
    earlier = {row[by]: row for row in ask(previous(replace(query, order_by=(), limit=None)))}
    left = {row[by]: row[HEADROOM] for row in ask(scoped(shown, HEADROOM, by=(by,)))}
    return [
        {**_compared(row, earlier.get(row[by], {})), HEADROOM: left.get(row[by])}
        for row in ask(query)
    ]


def parts(shown: View, by: str, filters: Mapping[str, Sequence[str | None]]) -> list[Part]:
    """Return how many calls with ``filters`` there are of each value, the most frequent first."""
    query = narrowed(scoped(shown, "requests", by=(by,)), filters)
    whole = one(replace(query, by=()))["requests"]
    earlier = {row[by]: row["requests"] for row in ask(previous(query))}
    return [
        Part(
            value=row[by],
            requests=row["requests"],
            share=share(row["requests"], whole),
            change=changed("requests", row["requests"], earlier.get(row[by])),
        )
        for row in ask(replace(query, order_by=("-requests",), limit=LISTED))
    ]


def retried(shown: View) -> list[Retried]:
    """Return calls by whether they were retried: how many, what they cost, how long they took."""
    query = scoped(
        shown, "requests", "retries", "cost", "latency_p50", "latency_p95", by=("retried",)
    )
    return [
        Retried(
            retried=row["retried"],
            requests=row["requests"],
            retries=row["retries"],
            cost=row["cost"],
            unpriced=row["unpriced_count"],
            latency_p50=row["latency_p50"],
            latency_p95=row["latency_p95"],
        )
        for row in ask(query)
    ]


def spent_on_failed(shown: View) -> tuple[Decimal | None, int]:
    """Return what calls cost that ended in an error, and how many of them have no price."""
    row = one(narrowed(scoped(shown, "cost"), {"status": ("error",)}))
    return row["cost"], row["unpriced_count"]


def behind(
    shown: View, which: Behind, filters: Mapping[str, Sequence[str | None]], *, limit: int = 10
) -> list[Row]:
    """Return calls behind a number, with ``when`` in the viewer's zone."""
    query = narrowed(scoped(shown, "requests"), filters)
    found = _behind(place(), query, which, limit, stamp(query.start, query.end))
    return with_local_time(found, shown.zone)


def _compared(row: Row, earlier: Mapping[str, Any]) -> Row:
    changes = {f"{name}_change": changed(name, row[name], earlier.get(name)) for name in COMPARED}
    return {**row, **changes}


@st.cache_data(ttl=LONGEST_STEP_S, max_entries=200, show_spinner=False)
def _behind(where: Place, query: MetricQuery, which: Behind, limit: int, at: int) -> list[Row]:
    del at  # of the key: ``stamp``
    return calls_behind(open_at(where), query, which, limit=limit).to_pylist()
