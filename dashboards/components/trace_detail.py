"""One trace: its sums, its spans in time, and whatever is known of the one that is picked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards import data_traces as figures
from dashboards.components import format as fmt
from dashboards.components.span import span_tabs, waterfall_chart
from dashboards.components.way_back import back_to_list

if TYPE_CHECKING:
    from collections.abc import Sequence

_OF_TRACE: Final = ("trace", "span", "with", "with_span")
_ABOUT: Final = ("user_id", "tenant", "feature", "session_id", "service", "environment")


def all_traces() -> None:
    """Show the list again as it was; in a callback only."""
    back_to_list("traces", _OF_TRACE)


def detail(trace_id: str) -> None:
    """Show a trace, or say that it is not stored."""
    zone = st.context.timezone or "UTC"
    actions = st.container(horizontal=True)
    actions.button("All traces", icon=":material/arrow_back:", on_click=all_traces)
    found = stored(trace_id, zone)
    if found is None:
        return
    summary, steps = found
    chosen = first_to_show(steps, st.query_params.get("span", ""))
    with actions:
        st.button(
            "Compare with another",
            icon=":material/compare_arrows:",
            on_click=_choose_another,
            args=(trace_id, chosen),
        )
        if summary["session_id"] and st.button("Session", icon=":material/forum:"):
            st.switch_page("views/sessions.py", query_params={"session": summary["session_id"]})
    header(summary, trace_id)
    with st.container(border=True):
        if summary["spans"] > len(steps):
            st.caption(f"The first {len(steps):,} of {summary['spans']:,} spans are shown.")
        picked = waterfall_chart(steps, chosen)
    if picked != chosen:
        st.query_params["span"] = picked
        st.rerun()
    span_tabs(trace_id, next(step for step in steps if step.span_id == chosen), zone)


def header(summary: dict[str, Any], trace_id: str) -> None:
    """Show a trace's name, whose it is, and its sums."""
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
        for label in _ABOUT
        if summary[label]
    )
    with st.container(key="chips"):
        st.text("  ·  ".join(parts))
    with st.grid(5, min_column_width=140):
        st.metric("Duration", fmt.duration(summary["duration_ms"]), border=True)
        st.metric("Cost", fmt.spent(summary["cost_usd"], summary["unpriced_calls"]), border=True)
        st.metric("Input tokens", fmt.count(summary["input_tokens"]), border=True)
        st.metric("Output tokens", fmt.count(summary["output_tokens"]), border=True)
        st.metric("LLM calls", fmt.count(summary["llm_calls"]), border=True)


def stored(trace_id: str, zone: str) -> tuple[dict[str, Any], list[figures.Step]] | None:
    """Return a trace's sums and spans; None, and the page says why, if it is not stored."""
    try:
        found = figures.trace(trace_id, zone)
    except figures.QueryError as error:
        st.text(fmt.plain(error))
        return None
    if found is None:
        st.info(
            "This trace is not in the store: it may not have arrived yet, or its time is over.",
            icon=":material/search_off:",
        )
    return found


def first_to_show(steps: Sequence[figures.Step], named: str) -> str:
    """Return the span that is named, else the first call that failed, else the first call."""
    if any(step.span_id == named for step in steps):
        return named
    for step in steps:
        if step.kind == "Error" and step.is_call:
            return step.span_id
    return next((step.span_id for step in steps if step.is_call), steps[0].span_id)


def _choose_another(trace_id: str, span_id: str) -> None:
    all_traces()
    st.query_params["with"] = trace_id
    st.query_params["with_span"] = span_id
