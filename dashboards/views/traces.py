"""Traces: find one, see what happened in it, or what sets two apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards import data_traces as figures
from dashboards.components import format as fmt
from dashboards.components import trace_search
from dashboards.components.arrow import show_table
from dashboards.components.filters import filter_bar
from dashboards.components.paging import paging
from dashboards.components.states import live, nothing_found, page
from dashboards.components.trace_comparison import compare
from dashboards.components.trace_detail import detail
from dashboards.components.way_back import keep_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards import data

_PAGES: Final = "trace_pages"
_SEARCH: Final = "trace_search"


def render() -> None:
    """Show the list, the trace that the URL names, or the two that it names."""
    trace_id = st.query_params.get("trace", "")
    other = st.query_params.get("with", "")
    if trace_id and other:
        compare(trace_id, other)
    elif trace_id:
        detail(trace_id)
    else:
        st.title("Traces", anchor=False)
        if other:
            _choosing(other)
        _list()


def _choosing(other: str) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.badge("Compare", icon=":material/compare_arrows:", color="blue")
        st.text(f"Select the trace to compare with {fmt.one_line(other, 40)}.")
        if st.button("Do not compare", type="tertiary", icon=":material/close:"):
            st.query_params.pop("with", None)
            st.query_params.pop("with_span", None)
            st.rerun()


def _list() -> None:
    shown = filter_bar()
    text = trace_search.search_box()
    keep_list("traces", (trace_search.BOX,))
    try:
        figures.wanted(shown, text)
    except figures.SearchError as error:
        trace_search.unreadable(error)
        return
    live(shown, lambda now: _found(now, text))


def _found(shown: data.View, text: str) -> None:
    if st.session_state.pop(trace_search.AGAIN, False):
        st.rerun()
    search = figures.wanted(shown, text)
    pages = _pages(shown, search)
    rows = figures.traces(search, shown.zone, pages[-1])
    if rows or len(pages) > 1:
        left, right = st.columns([2, 1], gap="small")
        with left:
            trace_search.volume(shown, search)
        with right:
            trace_search.facets(search, text)
    trace_search.read(search)
    if not rows:
        nothing_found("trace")
        return
    page_rows = rows[: figures.PAGE_ROWS]
    _table(page_rows)
    last = page_rows[-1]
    end = figures.PageEnd(start_time=last["start_time"], trace_id=last["trace_id"])
    about = f"Page {len(pages)}, {fmt.plural(len(page_rows), 'trace')}."
    paging(
        pages,
        end if len(rows) > figures.PAGE_ROWS else None,
        f"Select a row to open it. {about}",
    )


def _pages(shown: data.View, search: figures.TraceSearch) -> list[figures.PageEnd | None]:
    """Return the ends of the pages seen; a new search or range begins at the first page."""
    chosen = shown.choice
    asked = (search.search, chosen.filters, chosen.range, chosen.days, chosen.moments)
    if st.session_state.get(_SEARCH) != asked:
        st.session_state[_SEARCH] = asked
        st.session_state[_PAGES] = [None]
    pages: list[figures.PageEnd | None] = st.session_state[_PAGES]
    return pages


def _table(rows: Sequence[dict[str, Any]]) -> None:
    picked = show_table(
        {
            "Time": [fmt.moment(row["when"]) for row in rows],
            "Status": [_status(row) for row in rows],
            "Name": [fmt.one_line(row["name"], 80) for row in rows],
            "Model": [_models(row) for row in rows],
            "User": [fmt.one_line(row["user_id"], 60) for row in rows],
            "Feature": [fmt.one_line(row["feature"], 60) for row in rows],
            "Duration": [fmt.duration(row["duration_ms"]) for row in rows],
            "Tokens": [_tokens(row) for row in rows],
            "Cost": [fmt.spent(row["cost_usd"], row["unpriced_calls"]) for row in rows],
            "Calls": [row["llm_calls"] for row in rows],
        },
        height="content",
        row_height=34,
        key="traces",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            name: st.column_config.TextColumn(alignment="right")
            for name in ("Duration", "Tokens", "Cost")
        },
        alt="Traces, newest first",
    )
    if picked:
        _open(rows[picked[0]]["trace_id"])


def _open(trace_id: str) -> None:
    """Go to a trace; if another waits to be compared, to both of them."""
    first = st.query_params.get("with", "")
    if first:
        span = st.query_params.pop("with_span", None)
        if span:
            st.query_params["span"] = span
        st.query_params["with"] = trace_id
    st.query_params["trace"] = first or trace_id
    st.rerun()


def _status(row: dict[str, Any]) -> str:
    return "✕ error" if row["status"] == "error" else "✓ ok"


def _models(row: dict[str, Any]) -> str:
    more = f" +{row['models'] - 1}" if row["models"] > 1 else ""
    return fmt.one_line(row["model"], 60) + more


def _tokens(row: dict[str, Any]) -> str:
    if row["input_tokens"] is None and row["output_tokens"] is None:
        return fmt.NONE
    return f"{fmt.short_count(row['input_tokens'])} → {fmt.short_count(row['output_tokens'])}"


page(render)
