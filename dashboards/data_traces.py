"""What "Traces" shows: answers of the metric layer and of the store's search for traces."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.asking import (
    STEP_S,
    ask,
    open_at,
    opened_store,
    place,
    scoped,
    wall_ms,
    with_local_time,
)
from dashboards.components.tree import Step, tree
from llmtrace.errors import QueryError, SearchError
from llmtrace.store.comparison import change_ratio
from llmtrace.store.detail import Conversation, CostLine, conversation, cost_lines
from llmtrace.store.message_search import MESSAGES_OF, Said, said
from llmtrace.store.metric_time import bucket_starts
from llmtrace.store.metrics import TIME
from llmtrace.store.queries import (
    MAX_TRACE_SPANS,
    PAGE_ROWS,
    PageEnd,
    span_detail,
    trace_costs,
    trace_spans,
    trace_stretch,
    trace_summary,
)
from llmtrace.store.search_syntax import MAX_CHARACTERS, TEXT_KEYS, Term, parse, with_term
from llmtrace.store.text_difference import Difference, conversation_text, difference
from llmtrace.store.trace_facets import FACETS_OF, Facet, Facets, calls_over_time, facets
from llmtrace.store.trace_search import TraceSearch, search_traces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from dashboards.asking import Place
    from dashboards.figures import View

__all__ = [
    "FACETS_OF",
    "MAX_CHARACTERS",
    "MAX_TRACE_SPANS",
    "MESSAGES_OF",
    "PAGE_ROWS",
    "TEXT_KEYS",
    "Conversation",
    "CostLine",
    "Difference",
    "Facet",
    "Facets",
    "PageEnd",
    "QueryError",
    "Said",
    "SearchError",
    "Step",
    "TraceSearch",
]

_EXACT: Final = frozenset({"status"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The calls of one bucket of time."""

    start: datetime
    """Aware; not before the range."""
    end: datetime
    """Aware; not after the range."""
    start_ms: int
    """As ``asking.wall_ms`` gives it."""
    end_ms: int
    calls: int
    failed: int


def wanted(shown: View, text: str) -> TraceSearch:
    """Return what to look for. Raises SearchError if the text cannot be read."""
    return TraceSearch(scope=shown.scope, search=parse(text))


def found_in_messages(search: TraceSearch) -> Said:
    """Return in whose messages the free texts are, and of how many calls messages were read."""
    return _said(place(), search)


def traces(search: TraceSearch, zone: str, after: PageEnd | None = None) -> list[dict[str, Any]]:
    """Return one page of traces, newest first, and one row more if there are older ones.

    They have ``when``, their ``start_time`` in the viewer's zone.
    """
    return with_local_time(_traces(place(), search, after), zone)


def counted(search: TraceSearch) -> Facets:
    """Return the values by which the search can be narrowed. Raises QueryError if too slow."""
    return _facets(place(), search)


def narrowed_by(text: str, facet: Facet) -> str:
    """Return a search narrowed by a facet's value. Raises SearchError as ``wanted``."""
    return with_term(text, Term(key=facet.key, value=facet.value, is_exact=facet.key not in _EXACT))


def volume(shown: View, search: TraceSearch) -> list[Bucket]:
    """Return the calls of the traces that fit, by bucket; all buckets of the range.

    Raises QueryError if it is too slow.
    """
    scope = shown.scope
    starts = bucket_starts(scope.start, scope.end, shown.grain, shown.zone)
    if search.search.terms:
        rows = _calls(place(), search, tuple(starts))
    else:
        # The rollups know these of any range.
        asked = ask(scoped(shown, "requests", "errors", grain=shown.grain))
        rows = [
            {"start_time": row[TIME], "calls": row["requests"], "failed": row["errors"]}
            for row in asked
        ]
    found = {row["start_time"].replace(tzinfo=UTC): row for row in rows}
    buckets: list[Bucket] = []
    for start, next_start in zip(starts, [*starts[1:], scope.end], strict=True):
        row = found.get(start, {})
        first, last = max(start, scope.start), min(next_start, scope.end)
        buckets.append(
            Bucket(
                start=first,
                end=last,
                start_ms=wall_ms(first, shown.zone),
                end_ms=wall_ms(last, shown.zone),
                calls=row.get("calls", 0),
                failed=row.get("failed", 0),
            )
        )
    return buckets


def brushed(
    buckets: Sequence[Bucket], first_ms: float, last_ms: float
) -> tuple[datetime, datetime] | None:
    """Return the range of the buckets that a brush touches; None if it touches none."""
    touched = [each for each in buckets if each.start_ms <= last_ms and each.end_ms > first_ms]
    return (touched[0].start, touched[-1].end) if touched else None


def trace(trace_id: str, zone: str) -> tuple[dict[str, Any], list[Step]] | None:
    """Return a trace's sums and its spans in the order of the tree; None if it is not stored.

    Of a trace with more than ``MAX_TRACE_SPANS`` spans, the first.
    """
    store = opened_store()
    within = trace_stretch(store, trace_id)
    summary = None if within is None else trace_summary(store, trace_id, within=within)
    if summary is None:
        return None
    rows = trace_spans(store, trace_id, within=within).to_pylist()
    return with_local_time([summary], zone)[0], tree(rows)


def span(trace_id: str, step: Step, zone: str) -> dict[str, Any] | None:
    """Return everything known of a span, bodies included; None if it is not stored any more."""
    found = span_detail(opened_store(), trace_id, step.span_id, started=step.started)
    return None if found is None else with_local_time([found], zone)[0]


def messages(detail: Mapping[str, Any]) -> Conversation:
    """Return the conversation of a span."""
    return conversation(detail)


def trace_lines(trace_id: str) -> list[CostLine]:
    """Return what each kind of token of a trace's calls cost."""
    return cost_lines(trace_costs(opened_store(), trace_id))


def apart(first: Mapping[str, Any], second: Mapping[str, Any]) -> Difference:
    """Return what sets the messages of two spans apart."""
    texts = (conversation_text(conversation(each)) for each in (first, second))
    return difference(*texts)


def change(now: Any, before: Any) -> float | None:  # any figure
    """Return how much more the second is than the first, as a ratio; None if that is unknown."""
    return change_ratio(now, before)


def costs(detail: Mapping[str, Any]) -> list[CostLine]:
    """Return what each kind of token of a span cost."""
    return cost_lines(detail)


@st.cache_data(ttl=STEP_S, max_entries=200, show_spinner=False)
def _said(where: Place, search: TraceSearch) -> Said:
    return said(open_at(where), search)


@st.cache_data(ttl=STEP_S, max_entries=200, show_spinner=False)
def _traces(where: Place, search: TraceSearch, after: PageEnd | None) -> list[dict[str, Any]]:
    hits = _said(where, search).hits
    page = search_traces(open_at(where), search, hits, after=after, limit=PAGE_ROWS + 1)
    return page.to_pylist()


@st.cache_data(ttl=STEP_S, max_entries=200, show_spinner=False)
def _facets(where: Place, search: TraceSearch) -> Facets:
    return facets(open_at(where), search, _said(where, search).hits)


@st.cache_data(ttl=STEP_S, max_entries=200, show_spinner=False)
def _calls(where: Place, search: TraceSearch, starts: tuple[datetime, ...]) -> list[dict[str, Any]]:
    found = calls_over_time(open_at(where), search, _said(where, search).hits, starts)
    return found.to_pylist()
