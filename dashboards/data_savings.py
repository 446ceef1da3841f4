"""The findings of "Savings": engines of ``llmtrace.store.savings`` over bounded questions.

Each is looked for apart, so that one that takes too long leaves the others. Nothing is
extrapolated: a figure is of the calls that were looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import streamlit as st

from dashboards import viewing
from dashboards.asking import (
    STEP_S,
    Place,
    ask,
    is_large,
    narrowed,
    open_at,
    place,
    scoped,
    with_local_time,
)
from dashboards.home import home
from llmtrace.config import load_settings
from llmtrace.errors import QueryError
from llmtrace.pricing import PriceBook, UnitPrices, load_price_book
from llmtrace.pricing.match import price_provider
from llmtrace.store.behind import MAX_CALLS, calls_behind, prompts_behind
from llmtrace.store.metrics import MetricQuery, previous
from llmtrace.store.savings import lengths, limits, repeats
from llmtrace.store.savings.batch import Batchable, find_batchable
from llmtrace.store.savings.bounds import Saving, Seen, added
from llmtrace.store.savings.groups import band_starts, call_groups
from llmtrace.store.savings.lengths import Verbose, find_verbose
from llmtrace.store.savings.limits import Limit, find_oversized
from llmtrace.store.savings.minimums import minimum_of
from llmtrace.store.savings.prefixes import Prefix, Prefixes, find_prefixes, sent_of
from llmtrace.store.savings.repeats import Repeats, find_repeats
from llmtrace.store.savings.sizes import Cheaper, candidates, find_cheaper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dashboards.figures import View

__all__ = [
    "Batchable", "Cheaper", "Limit", "Prefix", "Prefixes", "Repeats", "Saving", "Seen", "Verbose",
    "added",
]  # fmt: skip

Row = dict[str, Any]
PROMPTS: Final = MAX_CALLS
LATEST: Final = repeats.LOOKED_AT
LIMITED: Final = limits.LOOKED_AT
FEWEST: Final = lengths.FEWEST
WINDOWS: Final = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1), "24h": timedelta(days=1)}
COUNTED_BY: Final = limits.COUNTED_BY
NOT_COUNTED_BY: Final = limits.NOT_COUNTED_BY
NOTHING: Final = Saving().upper_usd
_KEPT_S: Final = 300
_LISTED: Final = 10

Item = TypeVar("Item")


def settled(shown: View) -> View:
    """Return the same view; in a large store as of the last whole five minutes, for it is dear."""
    moved = viewing.settled(shown, _KEPT_S if is_large() else STEP_S)
    return replace(moved, now=shown.now - (shown.scope.end - moved.scope.end))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[Item]):
    """What was found, and in how much."""

    items: tuple[Item, ...] = ()
    """What saves most first."""
    looked_at: int = 0
    """Calls."""
    comparable: int = 0
    """Of those, the ones that say something."""
    failed: str | None = None
    """Why it could not be looked for."""


def same_requests(shown: View, window: str) -> Found[Repeats]:
    """Return requests that were answered before, at most ``window`` ago."""

    def look() -> Found[Repeats]:
        rows = _answered(place(), scoped(shown, "requests"))
        return Found(
            items=tuple(find_repeats(rows, WINDOWS[window])),
            looked_at=rows[0]["looked_at"],
            comparable=rows[0]["comparable"],
        )

    return _safely(look)


def prefixes(shown: View) -> tuple[Found[Prefix], Prefixes | None]:
    """Return beginnings that a cache would have served, of the latest prompts; and the counts."""
    counts: list[Prefixes] = []

    def look() -> Found[Prefix]:
        found = _prefixes(place(), scoped(shown, "requests"))
        counts.append(found)
        return Found(
            items=found.found,
            looked_at=found.looked_at,
            comparable=found.looked_at - found.without_text - found.without_minimum,
        )

    return _safely(look), counts[0] if counts else None


def batches(shown: View) -> Found[Batchable]:
    """Return what a batch would have saved, by feature and model."""

    def look() -> Found[Batchable]:
        groups, found, _ = _elsewhere(shown)
        return Found(items=found, looked_at=groups, comparable=sum(each.calls for each in found))

    return _safely(look)


def cheaper(shown: View) -> Found[Cheaper]:
    """Return what other models of the same provider would have cost."""

    def look() -> Found[Cheaper]:
        groups, _, found = _elsewhere(shown)
        models = {(each.provider, each.model): each.calls for each in found}
        return Found(items=found, looked_at=groups, comparable=sum(models.values()))

    return _safely(look)


def oversized(shown: View) -> Found[Limit]:
    """Return output limits of which no call used half."""

    def look() -> Found[Limit]:
        rows = _limited(place(), scoped(shown, "requests"))
        return Found(
            items=tuple(find_oversized(rows)),
            looked_at=rows[0]["looked_at"] if rows else 0,
            comparable=sum(row["calls"] for row in rows),
        )

    return _safely(look)


def verbose(shown: View) -> Found[Verbose]:
    """Return features whose prompts stand out against the others, or have grown."""

    def look() -> Found[Verbose]:
        query = scoped(shown, *lengths.MEASURES, by=("feature",))
        rows = ask(query)
        counted = [row for row in rows if row["requests"] >= FEWEST]
        return Found(
            items=tuple(find_verbose(rows, ask(previous(query)))),
            looked_at=sum(row["requests"] for row in rows),
            comparable=sum(row["requests"] for row in counted),
        )

    return _safely(look)


def counts_limit(provider: str | None) -> bool | None:
    """Say whether a provider counts the limit against the tokens a minute; None: not known."""
    seller = price_provider(provider or "")
    return True if seller in COUNTED_BY else False if seller in NOT_COUNTED_BY else None


def behind(shown: View, filters: Mapping[str, Sequence[str | None]]) -> list[Row]:
    """Return the latest calls that a finding is about, with ``when`` in the viewer's zone."""
    query = narrowed(scoped(shown, "requests"), filters)
    return with_local_time(_behind(place(), query), shown.zone)


def named(shown: View, seen: Sequence[Seen]) -> list[Row]:
    """Return the calls that a finding names, with ``when`` in the viewer's zone."""
    rows = [
        {
            "start_time": each.start_time,
            "trace_id": each.trace_id,
            "span_id": each.span_id,
            "about": each.about,
        }
        for each in seen[:_LISTED]
    ]
    return with_local_time(rows, shown.zone)


def _safely(look: Callable[[], Found[Item]]) -> Found[Item]:
    try:
        return look()
    except QueryError as error:
        return Found(failed=str(error))


def _book() -> PriceBook:
    return load_price_book(load_settings(home=home()))


@st.cache_data(ttl=_KEPT_S, max_entries=20, show_spinner=False)
def _answered(where: Place, query: MetricQuery) -> list[Row]:
    return repeats.answered_calls(open_at(where), query).to_pylist()


@st.cache_data(ttl=_KEPT_S, max_entries=50, show_spinner=False)
def _prefixes(where: Place, query: MetricQuery) -> Prefixes:
    book = _book()

    def prices(row: Mapping[str, Any]) -> UnitPrices | None:
        at = row["start_time"].replace(tzinfo=UTC)
        quote = book.quote(
            row["provider"] or "", row["model"], at, service_tier=row["service_tier"]
        )
        if quote.schedule is None or not quote.is_exact:
            return None
        return quote.schedule.at(row["input_tokens"] or 0)

    rows = prompts_behind(open_at(where), query, limit=PROMPTS).to_pylist()
    return find_prefixes((sent_of(row, prices) for row in rows), minimum_of)


def _elsewhere(shown: View) -> tuple[int, tuple[Batchable, ...], tuple[Cheaper, ...]]:
    """Return how many calls were priced, and what they would have cost otherwise."""
    rows = ask(scoped(shown, "requests", by=("provider", "model")))
    models = [(row["provider"], row["model"]) for row in rows if row["provider"] and row["model"]]
    return _priced(place(), scoped(shown, "requests"), tuple(models))


@st.cache_data(ttl=_KEPT_S, max_entries=50, show_spinner=False)
def _priced(
    where: Place, query: MetricQuery, models: tuple[tuple[str, str], ...]
) -> tuple[int, tuple[Batchable, ...], tuple[Cheaper, ...]]:
    book = _book()
    others = candidates(models, book, query.end)
    named = {*models, *((seller, name) for (seller, _), more in others.items() for name in more)}
    groups = call_groups(open_at(where), query, band_starts(book, named, query.end))
    total = sum(group.calls for group in groups)
    return total, tuple(find_batchable(groups, book)), tuple(find_cheaper(groups, others, book))


@st.cache_data(ttl=_KEPT_S, max_entries=50, show_spinner=False)
def _limited(where: Place, query: MetricQuery) -> list[Row]:
    return limits.limited_calls(open_at(where), query).to_pylist()


@st.cache_data(ttl=STEP_S, max_entries=100, show_spinner=False)
def _behind(where: Place, query: MetricQuery) -> list[Row]:
    return calls_behind(open_at(where), query, limit=_LISTED).to_pylist()
