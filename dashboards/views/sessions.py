"""Sessions: who talked how long and for how much, and what each turn said, cost and took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards import data_sessions as figures
from dashboards.components import format as fmt
from dashboards.components.filters import filter_bar
from dashboards.components.grid import grid
from dashboards.components.paging import paging
from dashboards.components.span import message
from dashboards.components.states import live, nothing_found, page
from dashboards.components.way_back import back_to_list, keep_list

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboards import data

_PAGES: Final = "session_pages"
_ASKED: Final = "session_search"
_BOX: Final = "find"
_CACHE: Final = {"hit": "Cache hit", "miss": "Cache miss", "bypass": "Could not be cached"}


def render() -> None:
    """Show the list, or the session that the URL names."""
    session_id = st.query_params.get("session", "")
    if session_id:
        _session(session_id)
    else:
        st.title("Sessions", anchor=False)
        _list()


def _list() -> None:
    shown = filter_bar()
    with st.container(key="search"):
        text = st.text_input(
            "Find",
            key=_BOX,
            bind="query-params",
            icon=":material/search:",
            placeholder="Part of a session's or a user's id",
            label_visibility="collapsed",
            max_chars=200,
        )
    keep_list("sessions", (_BOX,))
    live(shown, lambda now: _found(now, text or ""))


def _found(shown: data.View, text: str) -> None:
    pages = _pages(shown, text)
    rows = figures.sessions(shown, text, pages[-1])
    if not rows:
        nothing_found("session")
        st.caption("A call belongs to a session if your program names one: "
                   "`llmtrace.attribute(session=…)`.")  # fmt: skip
        return
    page_rows = rows[: figures.PAGE_ROWS]
    place = grid(
        {
            "Last call": [fmt.moment(row["when"]) for row in page_rows],
            "Session": [fmt.one_line(row["session_id"], 60) for row in page_rows],
            "User": [fmt.one_line(row["user_id"], 60) for row in page_rows],
            "Tenant": [fmt.one_line(row["tenant"], 60) for row in page_rows],
            "Turns": [fmt.count(row["llm_calls"]) for row in page_rows],
            "Traces": [fmt.count(row["traces"]) for row in page_rows],
            "Errors": [fmt.count(row["errors"]) for row in page_rows],
            "Duration": [fmt.duration(row["duration_ms"]) for row in page_rows],
            "Tokens": [_tokens(row) for row in page_rows],
            "Cost": [fmt.spent(row["cost_usd"], row["unpriced_calls"]) for row in page_rows],
        },
        names=("Last call", "Session", "User", "Tenant"),
        key="sessions",
        alt="Sessions, the last active first",
        picks=True,
    )
    if place is not None:
        st.query_params["session"] = page_rows[place]["session_id"]
        st.rerun()
    last = page_rows[-1]
    end = figures.SessionEnd(last_at=last["last_at"], session_id=last["session_id"])
    about = f"Page {len(pages)}, {fmt.plural(len(page_rows), 'session')}."
    paging(
        pages,
        end if len(rows) > figures.PAGE_ROWS else None,
        f"Select a row to read it. {about} Figures are of the whole session.",
    )


def _pages(shown: data.View, text: str) -> list[figures.SessionEnd | None]:
    """Return the ends of the pages seen; a new search or range begins at the first page."""
    chosen = shown.choice
    asked = (text, chosen.filters, chosen.range, chosen.days, chosen.moments)
    if st.session_state.get(_ASKED) != asked:
        st.session_state[_ASKED] = asked
        st.session_state[_PAGES] = [None]
    pages: list[figures.SessionEnd | None] = st.session_state[_PAGES]
    return pages


def _session(session_id: str) -> None:
    zone = st.context.timezone or "UTC"
    actions = st.container(horizontal=True)
    actions.button("All sessions", icon=":material/arrow_back:", on_click=_all_sessions)
    summary = figures.session(session_id, zone)
    if summary is None:
        st.info(
            "This session is not in the store: it may not have arrived yet, or its time is over.",
            icon=":material/search_off:",
        )
        return
    if actions.button("Its traces", icon=":material/account_tree:"):
        quoted = session_id.replace("\\", "\\\\").replace('"', '\\"')
        st.switch_page(
            "views/traces.py",
            query_params={
                "q": f'session:"{quoted}"',
                "range": "Custom",
                "days": [day.isoformat() for day in figures.days_of(summary)],
            },
        )
    _header(summary, session_id)
    count = summary["llm_calls"]
    if not count:
        st.caption("No LLM call is stored of this session.")
        return
    number = 1
    if figures.pages(count) > 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            number = st.pagination(figures.pages(count), key="turns", bind="query-params")
            st.caption(f"{fmt.plural(count, 'turn')}, {figures.PAGE_TURNS} on a page")
    for turn in figures.turns(session_id, number, zone):
        _turn(turn)


def _all_sessions() -> None:
    back_to_list("sessions", ("session", "turns"))


def _header(summary: dict[str, Any], session_id: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="page-title"):
        st.text(f"Session {fmt.one_line(session_id, 120)}", width="content")
        if summary["errors"]:
            st.badge(fmt.plural(summary["errors"], "error"), color="red")
        if summary["unpriced_calls"]:
            st.badge(f"{fmt.plural(summary['unpriced_calls'], 'call')} unpriced", color="orange")
    parts = [f"since {fmt.moment(summary['when'])}"]
    parts.extend(
        f"{label.removesuffix('_id')} {fmt.one_line(summary[label], 60)}"
        for label in ("user_id", "tenant")
        if summary[label]
    )
    with st.container(key="chips"):
        st.text("  ·  ".join(parts))
    with st.grid(5, min_column_width=140):
        st.metric("Turns", fmt.count(summary["llm_calls"]), border=True)
        st.metric("Cost", fmt.spent(summary["cost_usd"], summary["unpriced_calls"]), border=True)
        st.metric("Duration", fmt.duration(summary["duration_ms"]), border=True)
        st.metric("Input tokens", fmt.count(summary["input_tokens"]), border=True)
        st.metric("Output tokens", fmt.count(summary["output_tokens"]), border=True)


def _turn(turn: figures.Turn) -> None:
    row = turn.row
    key = f"message-{row['span_id']}"
    with st.container(border=True, key=f"turn-{row['turn']}"):
        _turn_head(row)
        if row["status"] == "error":
            http = f"HTTP {row['http_status']}" if row["http_status"] else None
            said = [http, row["error_type"], row["status_message"]]
            st.text(fmt.plain(" · ".join(str(each) for each in said if each), 2_000))
        if row["is_left_out"]:
            st.caption("Messages of this turn are too long to be shown here; its trace has them.")
        elif not turn.is_captured:
            st.caption("No content was captured for this turn.")
        if turn.repeated:
            st.caption(f"{fmt.plural(turn.repeated, 'message')} sent again, shown above.")
        if turn.instructions:
            message("system", turn.instructions, key=f"{key}-0")
        for place, each in enumerate((*turn.said, *turn.answer), 1):
            message(each.role, each.parts, key=f"{key}-{place}")


def _turn_head(row: Mapping[str, Any]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(f"Turn {row['turn']}", color="blue")
        if row["status"] == "error":
            st.badge("Failed", icon=":material/error:", color="red")
        cached = _CACHE.get(row["cache_status"])
        if cached:
            st.badge(cached, color="green" if row["cache_status"] == "hit" else "gray")
        spent = fmt.spent(row["cost_usd"], int(row["is_unpriced"]), fmt.exact_money)
        total = fmt.spent(row["total_usd"], row["total_unpriced"], fmt.exact_money)
        st.text(
            "  ·  ".join((
                fmt.moment(row["when"]),
                fmt.one_line(row["model"], 60),
                fmt.duration(row["latency_ms"]),
                f"{_tokens(row)} tokens",
                f"{spent}, {total} so far",
            )),
            width="stretch",
        )  # fmt: skip
        if st.button("Trace", icon=":material/account_tree:", key=f"trace-{row['span_id']}"):
            st.switch_page(
                "views/traces.py",
                query_params={"trace": row["trace_id"], "span": row["span_id"]},
            )


def _tokens(row: Mapping[str, Any]) -> str:
    if row["input_tokens"] is None and row["output_tokens"] is None:
        return fmt.NONE
    return f"{fmt.short_count(row['input_tokens'])} → {fmt.short_count(row['output_tokens'])}"


page(render)
