"""The figures of "Usage & tokens": answers of the metric layer and of a named query."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import streamlit as st

from dashboards.asking import (
    LONGEST_STEP_S,
    Place,
    ask,
    changed,
    figures_of,
    one,
    open_at,
    place,
    scoped,
    stamp,
    wall_ms,
)
from dashboards.figures import Figure, Point, View
from llmtrace.store.comparison import share
from llmtrace.store.context_lengths import context_lengths
from llmtrace.store.metrics import TIME, MetricQuery, previous

__all__ = ["Length", "Row"]

Row = dict[str, Any]
LISTED: Final = 15
KINDS: Final = {
    "uncached_input_tokens": "Input, uncached",
    "cache_read_tokens": "Input, cache read",
    "cache_write_tokens": "Input, cache write",
    "answer_tokens": "Output, answer",
    "reasoning_tokens": "Output, reasoning",
}
"""Measures that do not overlap; together they are all tokens."""
_CARDS: Final = (
    "requests", "total_tokens", "input_tokens_per_request", "output_tokens_per_request",
)  # fmt: skip
_COMPARED: Final = (
    "requests", "total_tokens", "input_tokens", "output_tokens", "input_tokens_per_request",
    "output_tokens_per_request",
)  # fmt: skip
_REQUESTS: Final = {"requests": "Requests"}
_ACTIVE: Final = {
    "active_users": "Users",
    "active_tenants": "Tenants",
    "active_sessions": "Sessions",
}
# The rollups cannot tell these: asked apart from what they can, and together, for it is the calls'
# times that take long to put into buckets.
_COUNTED: Final = (*KINDS, *_ACTIVE, "output_tokens", "stream_rate", "cost_per_1k_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """Calls whose prompts have from so many tokens to twice as many."""

    from_tokens: int
    calls: int
    input_tokens: int


def cards(shown: View) -> dict[str, Figure]:
    """Return the figures of the range, with change and course."""
    return figures_of(scoped(shown, *_CARDS), shown) | figures_of(scoped(shown, *_COUNTED), shown)


def tokens(shown: View) -> tuple[list[Point], list[str]]:
    """Return tokens by bucket of time and kind; kinds that occur only."""
    rows = ask(scoped(shown, *_COUNTED, grain=shown.grain))
    points = [
        Point(time_ms=wall_ms(row[TIME], shown.zone), series=series, value=row[name])
        for row in rows
        for name, series in KINDS.items()
        if row[name]
    ]
    found = {point.series for point in points}
    return points, [series for series in KINDS.values() if series in found]


def totals(shown: View) -> Row:
    """Return the tokens of the range by kind, and those of the output."""
    return one(scoped(shown, *_COUNTED))


def requests(shown: View) -> tuple[list[Point], list[str]]:
    """Return calls by bucket of time."""
    return _course(shown, ask(scoped(shown, "requests", grain=shown.grain)), _REQUESTS)


def active(shown: View) -> tuple[list[Point], list[str]]:
    """Return different users, tenants and sessions by bucket of time; those that are named only."""
    return _course(shown, ask(scoped(shown, *_COUNTED, grain=shown.grain)), _ACTIVE)


def lengths(shown: View) -> list[Length]:
    """Return how many prompts are how long, without gaps between the shortest and the longest."""
    query = scoped(shown, "requests")
    lengths = _lengths(place(), query, stamp(query.start, query.end))
    found = {row["from_tokens"]: row for row in lengths}
    steps = [0, *(1 << power for power in range(max(found, default=0).bit_length()))]
    shortest = min(found, default=0)
    empty = {"calls": 0, "input_tokens": 0}
    return [
        Length(from_tokens=step, **{name: found.get(step, empty)[name] for name in empty})
        for step in steps
        if step >= shortest and found
    ]


def by_word(shown: View) -> list[Row]:
    """Return calls by whose word their tokens are, with ``share`` of all; most calls first."""
    measures = ("requests", "total_tokens", "cost")
    rows = ask(scoped(shown, *measures, by=("usage",), order_by=("-requests",)))
    total = sum(row["requests"] for row in rows)
    return [{**row, "share": share(row["requests"], total)} for row in rows]


def by_value(shown: View, by: str) -> list[Row]:
    """Return the values with most tokens: figures, ``share`` of tokens, ``…_change``, and cost."""
    query = scoped(
        shown, *_COMPARED, by=(by,), order_by=("-total_tokens", "-requests"), limit=LISTED
    )
    rows = ask(query)
    if not rows:
        return []
    names = tuple(row[by] for row in rows)
    filters = {**query.filters, by: names}
    earlier = {row[by]: row for row in ask(
        previous(replace(query, order_by=(), limit=None, filters=filters)))}  # fmt: skip
    prices = {row[by]: row for row in ask(
        scoped(shown, "cost_per_1k_tokens", by=(by,), filters=filters))}  # fmt: skip
    total = one(scoped(shown, "total_tokens"))["total_tokens"]
    return [
        {
            **row,
            "share": share(row["total_tokens"], total),
            "cost_per_1k_tokens": prices[row[by]]["cost_per_1k_tokens"],
            "unpriced_count": prices[row[by]]["unpriced_count"],
            **{
                f"{name}_change": changed(name, row[name], earlier.get(row[by], {}).get(name))
                for name in _COMPARED
            },
        }
        for row in rows
    ]


def number_of(shown: View, by: str) -> int:
    """Return how many values of a dimension have calls."""
    return len(ask(scoped(shown, "requests", by=(by,))))


def _course(shown: View, rows: list[Row], series: dict[str, str]) -> tuple[list[Point], list[str]]:
    named = {name: label for name, label in series.items() if any(row[name] for row in rows)}
    points = [
        Point(time_ms=wall_ms(row[TIME], shown.zone), series=label, value=row[name])
        for row in rows
        for name, label in named.items()
    ]
    return points, list(named.values())


@st.cache_data(ttl=LONGEST_STEP_S, max_entries=200, show_spinner=False)
def _lengths(where: Place, query: MetricQuery, at: int) -> list[Row]:
    del at  # of the key: ``stamp``
    return context_lengths(open_at(where), query).to_pylist()
