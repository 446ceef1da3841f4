"""The figures of "Cache": answers of the metric layer, and what the prompts themselves say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.asking import (
    LONGEST_STEP_S,
    ask,
    changed,
    figures_of,
    narrowed,
    one,
    open_at,
    over_time,
    place,
    scoped,
    stamp,
    wall_ms,
)
from dashboards.figures import Figure, Point, View
from llmtrace.store.behind import MAX_CALLS, prompts_behind
from llmtrace.store.comparison import change_ratio
from llmtrace.store.metrics import TIME, MetricQuery, previous
from llmtrace.store.prompt_prefix import Break, Findings, find_breaks, prompt_of

if TYPE_CHECKING:
    from decimal import Decimal

    from dashboards.asking import Place

__all__ = ["LOOKED_AT", "Break", "Findings", "Missed", "Row"]

Row = dict[str, Any]
LISTED: Final = 12
LOOKED_AT: Final = MAX_CALLS
"""Calls whose prompts are compared, the latest of the range."""
CARDS: Final = (
    "requests", "cache_hit_rate", "cache_token_rate", "cache_savings", "cache_read_tokens",
)  # fmt: skip
COMPARED: Final = (
    "requests", "cache_hit_rate", "cache_token_rate", "cache_read_tokens", "cache_savings",
)  # fmt: skip
_MISSED: Final = {"cache_status": ("miss",)}
_SERIES: Final = {"cache_hit_rate": "Requests", "cache_token_rate": "Input tokens"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """What calls paid that could have read from a cache and did not: the most it could save."""

    cost: Figure
    """What their input cost, in USD."""
    requests: int
    input_tokens: int | None


def cards(shown: View) -> dict[str, Figure]:
    """Return the figures of the range in ``CARDS``, with change and course."""
    return figures_of(scoped(shown, *CARDS), shown)


def missed(shown: View) -> Missed:
    """Return calls that could have read from a cache and did not."""
    query = narrowed(scoped(shown, "uncached_input_cost", "requests", "input_tokens"), _MISSED)
    current, earlier = one(query), one(previous(query))
    return Missed(
        cost=Figure(
            value=current["uncached_input_cost"],
            change=change_ratio(current["uncached_input_cost"], earlier["uncached_input_cost"]),
            course=over_time(replace(query, grain=shown.grain), "uncached_input_cost"),
            unpriced=current["unpriced_count"],
        ),
        requests=current["requests"],
        input_tokens=current["input_tokens"],
    )


def hit_rates(shown: View) -> tuple[list[Point], list[str]]:
    """Return the hit rates by bucket of time, of requests and of input tokens."""
    points = [
        Point(time_ms=wall_ms(row[TIME], shown.zone), series=series, value=row[name])
        for row in ask(scoped(shown, *_SERIES, grain=shown.grain))
        for name, series in _SERIES.items()
        if row[name] is not None
    ]
    return points, list(_SERIES.values())


def by_status(shown: View) -> list[Row]:
    """Return calls by what a cache did: how many, their input, and what of it no cache gave."""
    measures = ("requests", "input_tokens", "cache_read_tokens", "uncached_input_cost")
    return ask(scoped(shown, *measures, by=("cache_status",)))


def by_value(shown: View, by: str) -> list[Row]:
    """Return ``COMPARED`` of the values most called, ``<name>_change``, and ``missed_cost``."""
    query = scoped(shown, *COMPARED, by=(by,), order_by=("-requests",), limit=LISTED)
    earlier = {row[by]: row for row in ask(previous(replace(query, order_by=(), limit=None)))}
    lost = narrowed(scoped(shown, "uncached_input_cost", by=(by,)), _MISSED)
    costs: dict[str | None, Decimal | None] = {
        row[by]: row["uncached_input_cost"] for row in ask(lost)
    }
    return [
        {
            **row,
            "missed_cost": costs.get(row[by]),
            **{
                f"{name}_change": changed(name, row[name], earlier.get(row[by], {}).get(name))
                for name in COMPARED
            },
        }
        for row in ask(query)
    ]


def breaks(shown: View) -> Findings:
    """Return where consecutive prompts part that ought to begin alike, of the latest calls."""
    query = scoped(shown, "requests")
    return _breaks(place(), query, stamp(query.start, query.end))


@st.cache_data(ttl=LONGEST_STEP_S, max_entries=50, show_spinner=False)
def _breaks(where: Place, query: MetricQuery, at: int) -> Findings:
    del at  # of the key: ``stamp``
    rows = prompts_behind(open_at(where), query, limit=LOOKED_AT).to_pylist()
    return find_breaks(prompt_of(row) for row in rows)
