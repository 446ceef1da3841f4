"""The search for traces on its page: the box, the calls over time to zoom into, the facets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards import data_traces as figures
from dashboards.components import format as fmt
from dashboards.components.arrow import show_chart, show_table
from dashboards.components.filters import zoom
from dashboards.components.popover import popover
from dashboards.components.tables import html_table
from dashboards.components.volume import brush_of, volume_bars, volume_table

if TYPE_CHECKING:
    from dashboards import data

BOX: Final = "q"
AGAIN: Final = "traces-again"
"""Set by what changes the search or the range from within the part that refreshes itself."""
_VOLUME: Final = "volume"
_FACETS: Final = "facets"
_FACETS_HEIGHT: Final = 244
_STATUS: Final = {"ok": "✓ ok", "error": "✕ error"}
_HELP: Final = (
    ("order 1042", "with both words in names, models, people, errors, messages or ids"),
    ('"order 1042"', "with this text there"),
    ("model:gpt-5*", "with a span of this value; * is anything, case does not matter"),
    ('user:"Ada B"', "the same, exactly as written"),
    ("user:ada user:bob", "of either"),
    ("tag.team:ml", "with this tag"),
    ("error:rate_limit", "with such an error: its type, HTTP status or text"),
    ("status:error", "of which a span failed; status:ok: none"),
    ("cost>0.01", "that cost more, in US dollars; >=, <, <= and = too"),
    ("latency>5s", "that took longer; ms, s, m, h"),
    ("tokens>10k", "with more tokens; input, output, calls, spans, errors too"),
    ("-status:error", "for which this does not hold; -user:* has no user"),
    ("session:… tenant:…", f"the same for {', '.join(figures.TEXT_KEYS)}"),
)


def search_box() -> str:
    """Show the box and return what is in it."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="search"):
        text = st.text_input(
            "Search",
            key=BOX,
            bind="query-params",
            icon=":material/search:",
            placeholder='user:ada model:gpt-5* status:error cost>0.01 "free text"',
            label_visibility="collapsed",
            max_chars=figures.MAX_CHARACTERS,
        )
        with popover("", icon=":material/help:", help="How to search"):
            st.html(html_table(("Write", "Finds traces"), _HELP, caption="How to search"))
    return text or ""


def unreadable(error: figures.SearchError) -> None:
    """Say why a search cannot be read."""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.badge("Search", icon=":material/search_off:", color="orange")
        st.text(fmt.plain(error, 900))


def volume(shown: data.View, search: figures.TraceSearch) -> None:
    """Show the calls over time; dragging over the bars chooses their range."""
    with st.container(border=True, height="stretch"):
        try:
            buckets = figures.volume(shown, search)
        except figures.QueryError as error:
            _too_slow(error)
            return
        calls = sum(each.calls for each in buckets)
        failed = sum(each.failed for each in buckets)
        about = f"{fmt.plural(calls, 'call')}, {failed:,} failed"
        if shown.choice.tables:
            columns, rows = volume_table(buckets)
            st.html(html_table(columns, rows, caption=about))
            return
        theme = "dark" if st.context.theme.type == "dark" else "light"
        # A range of its own has a chart of its own: a brush is not carried over.
        key = f"{_VOLUME}-{shown.choice.range}-{shown.choice.days}-{shown.choice.moments}"

        def chosen() -> None:
            event: Any = st.session_state.get(key)
            brush = brush_of(event.selection) if event else None
            moments = figures.brushed(buckets, *brush) if brush else None
            if moments is not None:
                zoom(*moments)
                st.session_state[AGAIN] = True

        show_chart(
            volume_bars(buckets, theme=theme),
            key=key,
            on_select=chosen,
            alt=f"Calls over time: {about}",
        )
        st.caption(f"{about}. Drag over the bars to zoom in.")


def facets(search: figures.TraceSearch, text: str) -> None:
    """Show what the search can be narrowed by; picking a row does."""
    with st.container(border=True, height="stretch"):
        try:
            found = figures.counted(search)
        except figures.QueryError as error:
            _too_slow(error)
            return
        if not found.values:
            st.caption("Nothing to narrow by.")
            return
        key = f"{_FACETS}-{text}"

        def chosen() -> None:
            event: Any = st.session_state.get(key)
            if event and event.selection.rows:
                row: int = event.selection.rows[0]
                facet = found.values[row]
                st.session_state[BOX] = figures.narrowed_by(text, facet)
                st.session_state[AGAIN] = True

        show_table(
            {
                "Narrow by": [each.key.capitalize() for each in found.values],
                "Value": [_value(each) for each in found.values],
                "Traces": [fmt.count(each.traces) for each in found.values],
            },
            height=_FACETS_HEIGHT,
            row_height=30,
            key=key,
            on_select=chosen,
            selection_mode="single-row",
            column_config={"Traces": st.column_config.TextColumn(alignment="right")},
            alt="Values by which the search can be narrowed, and how many traces have each",
        )
        if found.since is not None:
            st.caption(f"Of the latest {figures.FACETS_OF:,} spans.")


def read(search: figures.TraceSearch) -> None:
    """Say of how many calls messages were read for free text."""
    said = figures.found_in_messages(search)
    if not said.looked_at:
        return
    if said.is_all:
        st.caption(f"Messages of all {fmt.plural(said.looked_at, 'call')} that fit were read.")
    else:
        st.caption(
            f"Messages of the latest {said.looked_at:,} calls that fit were read; a narrower "
            "search or range reaches older ones."
        )


def _too_slow(error: figures.QueryError) -> None:
    st.text(fmt.plain(error, 300))
    st.caption("A shorter range, or a search for less, is quicker.")


def _value(facet: figures.Facet) -> str:
    if facet.key == "status":
        return _STATUS.get(facet.value, facet.value)
    return fmt.one_line(facet.value, 60)
