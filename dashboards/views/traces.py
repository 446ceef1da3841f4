"""Traces: find one, and see what happened in it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards import data
from dashboards.components import format as fmt
from dashboards.components.filters import filter_bar
from dashboards.components.span import span_tabs, waterfall_chart
from dashboards.components.states import nothing_found, page

if TYPE_CHECKING:
    from collections.abc import Sequence

_STATUS: Final = {"all": "All", "ok": "OK", "error": "Errors"}
_PAGES: Final = "trace_pages"
_SEARCH: Final = "trace_search"


def render() -> None:
    """Show the list, or the trace that the URL names."""
    trace_id = st.query_params.get("trace", "")
    if trace_id:
        _detail(trace_id)
    else:
        st.title("Traces", anchor=False)
        _list()


def _list() -> None:
    shown = filter_bar()
    search = _search_box(shown.scope)
    pages = _pages(search)
    rows = data.traces(search, shown.zone, pages[-1])
    if not rows:
        nothing_found("trace")
        return
    page_rows = rows[: data.PAGE_ROWS]
    _table(page_rows)
    _paging(pages, page_rows, has_more=len(rows) > data.PAGE_ROWS)


def _search_box(scope: data.Scope) -> data.TraceSearch:
    with st.container(horizontal=True, vertical_alignment="bottom", key="search"):
        text = st.text_input(
            "Search",
            key="q",
            bind="query-params",
            icon=":material/search:",
            placeholder="Name, model, user, session, error, or the beginning of an id",
            label_visibility="collapsed",
            max_chars=200,
        )
        status = st.segmented_control(
            "Status",
            list(_STATUS),
            default="all",
            required=True,
            format_func=_STATUS.__getitem__,
            key="status",
            label_visibility="collapsed",
        )
        least = st.number_input(
            "Least cost, $",
            min_value=0.0,
            value=None,
            step=0.01,
            format="%.4f",
            key="cost",
            bind="query-params",
            placeholder="Min cost $",
            label_visibility="collapsed",
            width=140,
        )
    return data.TraceSearch(
        scope=scope,
        text=text or "",
        status=status if status in ("ok", "error") else None,
        min_cost_usd=None if least is None else Decimal(str(least)),
    )


def _pages(search: data.TraceSearch) -> list[data.PageEnd | None]:
    """Return the ends of the pages seen; a new search begins at the first page."""
    scope = search.scope
    asked = (search.text, search.status, search.min_cost_usd, *map(str, scope.lists()))
    if st.session_state.get(_SEARCH) != asked:
        st.session_state[_SEARCH] = asked
        st.session_state[_PAGES] = [None]
    pages: list[data.PageEnd | None] = st.session_state[_PAGES]
    return pages


def _table(rows: Sequence[dict[str, Any]]) -> None:
    picked = st.dataframe(
        {
            "Time": [fmt.moment(row["when"]) for row in rows],
            "Status": [_status(row) for row in rows],
            "Name": [fmt.one_line(row["name"], 80) for row in rows],
            "Model": [_models(row) for row in rows],
            "User": [fmt.one_line(row["user_id"], 60) for row in rows],
            "Feature": [fmt.one_line(row["feature"], 60) for row in rows],
            "Duration": [fmt.duration(row["duration_ms"]) for row in rows],
            "Tokens": [_tokens(row) for row in rows],
            "Cost": [_cost(row) for row in rows],
            "Calls": [row["llm_calls"] for row in rows],
        },
        hide_index=True,
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
    if picked.selection.rows:
        st.query_params["trace"] = rows[picked.selection.rows[0]]["trace_id"]
        st.rerun()


def _paging(
    pages: list[data.PageEnd | None], rows: Sequence[dict[str, Any]], *, has_more: bool
) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(pages) > 1 and st.button("Newer", icon=":material/chevron_left:"):
            pages.pop()
            st.rerun()
        if has_more and st.button("Older", icon=":material/chevron_right:"):
            last = rows[-1]
            pages.append(data.PageEnd(start_time=last["start_time"], trace_id=last["trace_id"]))
            st.rerun()
        st.caption(f"Select a row to open it. Page {len(pages)}, {fmt.plural(len(rows), 'trace')}.")


def _detail(trace_id: str) -> None:
    zone = st.context.timezone or "UTC"
    if st.button("All traces", icon=":material/arrow_back:"):
        for name in ("trace", "span"):
            st.query_params.pop(name, None)
        st.rerun()
    try:
        found = data.trace(trace_id, zone)
    except data.QueryError as error:
        st.text(fmt.plain(error))
        return
    if found is None:
        st.info(
            "This trace is not in the store: it may not have arrived yet, or its time is over.",
            icon=":material/search_off:",
        )
        return
    summary, steps = found
    _header(summary, trace_id)
    chosen = _chosen(steps)
    with st.container(border=True):
        picked = waterfall_chart(steps, chosen)
    if picked != chosen:
        st.query_params["span"] = picked
        st.rerun()
    span_tabs(trace_id, chosen, zone)


def _chosen(steps: Sequence[data.Step]) -> str:
    """Return the span that the URL names, else the first that failed, else the first call."""
    named = st.query_params.get("span", "")
    if any(step.span_id == named for step in steps):
        return named
    for step in steps:
        if step.kind == "Error" and step.is_call:
            return step.span_id
    return next((step.span_id for step in steps if step.is_call), steps[0].span_id)


def _header(summary: dict[str, Any], trace_id: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="page-title"):
        st.text(fmt.one_line(summary["name"], 120), width="content")
        if summary["errors"]:
            st.badge(fmt.plural(summary["errors"], "error"), color="red")
        else:
            st.badge("ok", color="green")
        if summary["unpriced_calls"]:
            st.badge(f"{fmt.plural(summary['unpriced_calls'], 'call')} unpriced", color="orange")
    parts = [fmt.moment(summary["when"]), f"trace {trace_id}"]
    parts.extend(
        f"{label.removesuffix('_id')} {fmt.one_line(summary[label], 60)}"
        for label in ("user_id", "tenant", "feature", "session_id", "service", "environment")
        if summary[label]
    )
    with st.container(key="chips"):
        st.text("  ·  ".join(parts))
    with st.grid(5, min_column_width=140):
        st.metric("Duration", fmt.duration(summary["duration_ms"]), border=True)
        st.metric("Cost", fmt.money(summary["cost_usd"]) if summary["llm_calls"] else fmt.NONE,
                  border=True)  # fmt: skip
        st.metric("Input tokens", fmt.count(summary["input_tokens"]), border=True)
        st.metric("Output tokens", fmt.count(summary["output_tokens"]), border=True)
        st.metric("LLM calls", fmt.count(summary["llm_calls"]), border=True)


def _status(row: dict[str, Any]) -> str:
    return "✕ error" if row["status"] == "error" else "✓ ok"


def _models(row: dict[str, Any]) -> str:
    more = f" +{row['models'] - 1}" if row["models"] > 1 else ""
    return fmt.one_line(row["model"], 60) + more


def _tokens(row: dict[str, Any]) -> str:
    if row["input_tokens"] is None and row["output_tokens"] is None:
        return fmt.NONE
    return f"{fmt.short_count(row['input_tokens'])} → {fmt.short_count(row['output_tokens'])}"


def _cost(row: dict[str, Any]) -> str:
    if row["cost_usd"] is None:
        return fmt.UNPRICED if row["unpriced_calls"] else fmt.NONE
    # A part without a price makes the sum a lower bound.
    return ("≥ " if row["unpriced_calls"] else "") + fmt.money(row["cost_usd"])


page(render)
