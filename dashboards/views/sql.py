"""SQL console: what there is to ask, a query, its rows as a table, a chart and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards import data_sql as sql
from dashboards.components import format as fmt
from dashboards.components import saved_queries
from dashboards.components.arrow import show_chart
from dashboards.components.cards import choosing_card
from dashboards.components.grid import grid
from dashboards.components.popover import popover
from dashboards.components.states import page
from dashboards.data import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

_TEXT: Final = saved_queries.TEXT
_RUN: Final = "sql-run"
_ROWS: Final = "sql-rows"
_SECONDS: Final = "sql-seconds"
_PICKED: Final = "sql-picked"
_LINKED: Final = "sql-linked"
# Most queries have ended by then: they need no sign that they run.
_FIRST_LOOK_S: Final = 0.4
_LOOK_EVERY_S: Final = 0.5
_EDITOR_PX: Final = 262
_TREE_PX: Final = 262
_ROWS_PX: Final = 460
_MANY_ROWS: Final = 12


def render() -> None:
    """Show the page."""
    sql.require_all_tenants()
    st.title("SQL console", anchor=False)
    _follow_link()
    editor, tree = st.columns([7, 4], gap="small")
    with tree:  # first: a picked name goes into the text before its widget is drawn
        _tree(sql.views())
    with editor:
        _editor()
    run: sql.ConsoleQuery | None = st.session_state.get(_RUN)
    if run is None:
        st.caption(
            "One SELECT in DuckDB's dialect, read only, times in UTC. Ctrl+Enter runs it. Short "
            "queries are in the address of this page once they have run."
        )
        return
    answer = run.wait(_FIRST_LOOK_S)
    if answer is None:
        _running(run)
    elif answer.table is None:
        _failed(answer)
    else:
        _answer(run, answer, answer.table)


def _follow_link() -> None:
    """Put the query of a link into the editor; it is somebody else's text, so it is not run."""
    name, text = st.query_params.get("saved", ""), st.query_params.get("q", "")
    if (name, text) == st.session_state.get(_LINKED, ("", "")):
        return
    st.session_state[_LINKED] = (name, text)
    if text:
        st.session_state[_TEXT] = text
    elif name:
        found = {query.name: query for query in _saved()}.get(name)
        if found is not None:
            st.session_state[_TEXT] = found.text
            return
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.badge("Link", icon=":material/link_off:", color="orange")
            st.text(f"No saved query is called {fmt.one_line(name, 100)}; it may be deleted.")


def _editor() -> None:
    with st.container(border=True):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.subheader("Query", anchor=False, width="content")
            with st.container(horizontal=True, width="content"):
                _examples()
                saved_queries.menus()
        text = st.text_area(
            "Query", key=_TEXT, height=_EDITOR_PX, label_visibility="collapsed",
            placeholder="select …", persist_state="session",
        )  # fmt: skip
        hidden = sql.hidden_characters(text or "")
        if hidden is not None:
            st.badge("Characters that cannot be seen are in this query", color="orange")
            st.code(fmt.plain(hidden, 2_000), language=None, wrap_lines=True)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox("Rows at most", sql.ROW_CAPS, index=1, width=130, key=_ROWS,
                         format_func=fmt.count, persist_state="session")  # fmt: skip
            st.selectbox("Time limit", sql.TIME_LIMITS_S, index=1, width=130, key=_SECONDS,
                         format_func="{} s".format, persist_state="session")  # fmt: skip
            st.button("Run", type="primary", icon=":material/play_arrow:", shortcut="Ctrl+Enter",
                      key="sql-go", on_click=_begin)  # fmt: skip


def _begin() -> None:
    """Run what is in the editor; what this viewer has running ends."""
    previous: sql.ConsoleQuery | None = st.session_state.get(_RUN)
    if previous is not None:
        previous.cancel()
    # Read here: what was chosen in the same moment as Run was clicked counts.
    text: str = st.session_state.get(_TEXT) or ""
    max_rows, seconds = st.session_state[_ROWS], st.session_state[_SECONDS]
    try:
        st.session_state[_RUN] = sql.begin(text, max_rows=max_rows, timeout_s=float(seconds))
    except DataError:
        st.session_state[_RUN] = None  # the page itself says why there is no store to ask
    _link(text)


def _link(text: str) -> None:
    """Put the query into the address: by its name if it is a saved one, else if it is short."""
    name = st.query_params.get("saved", "")
    is_saved = bool(name) and any(each.name == name and each.text == text for each in _saved())
    if not is_saved:
        name = ""
        st.query_params.pop("saved", None)
    is_short = not is_saved and 0 < len(text) <= sql.MAX_LINK_CHARACTERS
    if is_short:
        st.query_params["q"] = text
    else:
        st.query_params.pop("q", None)
    st.session_state[_LINKED] = (name, text if is_short else "")


def _saved() -> Sequence[sql.SavedQuery]:
    try:
        return sql.saved()
    except DataError:
        return ()


def _examples() -> None:
    with popover("Examples", icon=":material/lightbulb:"):
        for number, (title, text) in enumerate(sql.EXAMPLES.items()):
            st.button(title, key=f"sql-example-{number}", type="tertiary",
                      on_click=saved_queries.put, args=(text,))  # fmt: skip


def _tree(views: Sequence[sql.View]) -> None:
    with st.container(border=True, height="stretch"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            names = [view.name for view in views]
            name = st.selectbox("What there is to ask", names, key="sql-view",
                                persist_state="session")  # fmt: skip
            view = views[names.index(name)]
            st.button("Look", icon=":material/visibility:", key="sql-look", help="100 rows of it",
                      on_click=saved_queries.put, args=(sql.first_rows(view.name),))  # fmt: skip
        about = st.empty()
        picked = grid(
            {
                "Column": [column.name for column in view.columns],
                "Means": [column.meaning for column in view.columns],
                "Type": [column.type for column in view.columns],
            },
            names=["Column", "Means", "Type"],
            alt=f"Columns of {view.name}",
            key=f"sql-columns-{view.name}",
            picks=True,
            height=_TREE_PX,
        )
        column = None if picked is None else view.columns[picked]
        about.caption(
            f"{view.meaning}. Pick a column to put its name into the query."
            if column is None
            else f"{column.name}, {column.type}: {column.meaning}."
        )
        if picked is None:
            st.session_state[_PICKED] = None
        elif st.session_state.get(_PICKED) != (view.name, picked):
            st.session_state[_PICKED] = (view.name, picked)
            text: str = st.session_state.get(_TEXT) or ""
            gap = "" if not text or text[-1].isspace() else " "
            saved_queries.put(f"{text}{gap}{view.columns[picked].name}")


@st.fragment(run_every=_LOOK_EVERY_S)
def _running(run: sql.ConsoleQuery) -> None:
    if run.wait(0) is not None:
        st.rerun()
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.badge("Running", icon=":material/hourglass_top:", color="blue")
        st.text(
            f"{run.seconds:.0f} s of {run.timeout_s:.0f} s at most. One query runs at a time: "
            "before it, those of others end.",
            width="stretch",
        )
        st.button("Cancel", icon=":material/stop:", key="sql-cancel", on_click=run.cancel)


def _failed(answer: sql.Answer) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge("No answer", icon=":material/error:", color="red")
            st.text(f"after {fmt.duration(answer.seconds * 1_000)}")
        # Plain, and in a font in which the mark stands below what it marks.
        st.code(fmt.plain(answer.error, 2_000), language=None)


def _answer(run: sql.ConsoleQuery, answer: sql.Answer, table: pa.Table) -> None:
    looks = {"rows": "Rows", "chart": "Chart"}
    with choosing_card("Answer", "Show as", looks, key="sql-look-as") as look:
        with st.container(horizontal=True, vertical_alignment="center"):
            told = f"{fmt.plural(table.num_rows, 'row')} in {fmt.duration(answer.seconds * 1_000)}"
            if run.text != (st.session_state.get(_TEXT) or ""):
                told += ", of the query before your last change"
            st.text(told, width="content")
            if answer.is_capped:
                st.badge(f"Capped at {run.max_rows:,}: there are more rows", color="orange")
        if not table.num_rows:
            st.info("No row answers this query.", icon=":material/search_off:")
            return
        if look == "rows":
            _rows(table)
        else:
            _chart(table)
        _downloads(table)


def _rows(table: pa.Table) -> None:
    columns = sql.cells(table)
    titles = list(columns)
    numbers = sql.number_columns(table)
    picked = grid(
        columns,
        names=[title for place, title in enumerate(titles) if place not in numbers],
        alt="Rows that answer the query",
        key=f"sql-answer-{id(table)}",
        picks=True,
        height=_ROWS_PX if table.num_rows > _MANY_ROWS else "content",
    )
    if table.num_rows > sql.SHOWN_ROWS:
        st.caption(f"The first {sql.SHOWN_ROWS:,} rows are shown; the files have all of them.")
    if picked is None:
        st.caption("Pick a row to read it whole.")
        return
    for name, value in sql.record(table, picked):
        st.text(name)
        st.code(value, language=None, wrap_lines=True)


def _chart(table: pa.Table) -> None:
    first = sql.first_choice(table)
    if first is None:
        st.info("No column holds numbers, so there is nothing to draw.", icon=":material/numbers:")
        return
    names = [fmt.one_line(field.name, 60) for field in table.schema]
    places = list(range(table.num_columns))
    heights = [place for place in places if sql.is_number(table, place)]
    # Other columns are another choice: the keys are those of this answer.
    key = "-".join(["sql-chart", *map(str, table.schema.names)])[:200]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kinds = list(sql.KINDS)
        kind = st.selectbox("Kind", kinds, index=kinds.index(first.kind), key=f"{key}-kind",
                            format_func=sql.KINDS.__getitem__, width=130)  # fmt: skip
        x = st.selectbox("Across", places, index=first.x, key=f"{key}-x",
                         format_func=names.__getitem__, width=200)  # fmt: skip
        y = st.selectbox("Height", heights, index=heights.index(first.y), key=f"{key}-y",
                         format_func=names.__getitem__, width=200)  # fmt: skip
        color = st.selectbox("Colour", places, index=first.color, key=f"{key}-color",
                             format_func=names.__getitem__, placeholder="None",
                             width=200)  # fmt: skip
    drawn = sql.draw(table, sql.Choice(kind=kind, x=x, y=y, color=color))
    if drawn.spec is None:
        st.info("No row has both a place and a height.", icon=":material/search_off:")
        return
    show_chart(drawn.spec, key="sql-chart",
               alt=f"{sql.KINDS[kind]} of {names[y]} by {names[x]}")  # fmt: skip
    for note in drawn.notes:
        st.caption(f"{note[0].upper()}{note[1:]}.")


def _downloads(table: pa.Table) -> None:
    with st.container(horizontal=True):
        for file in sql.FILES:
            st.download_button(
                file.label,
                data=sql.download(table, file),
                file_name=f"answer.{file.extension}",
                mime=file.mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"sql-download-{file.extension}",
            )


page(render)
