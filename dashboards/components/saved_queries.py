"""SQL console: the menus in which queries are saved, opened and deleted by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards import data_sql as sql
from dashboards.components import format as fmt
from dashboards.components.popover import popover
from dashboards.data import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TEXT: Final = "sql-text"
"""Key of the editor."""
_NAME: Final = "sql-name"
_DELETING: Final = "sql-deleting"
_TOLD: Final = "sql-told"


def put(text: str) -> None:
    """Put a text into the editor; before its widget is drawn, or in a callback."""
    st.session_state[TEXT] = text


def menus() -> None:
    """Show both menus; a file that is damaged is said in them."""
    told: str | None = st.session_state.pop(_TOLD, None)
    if told is not None:
        st.text(fmt.one_line(told, 300), width="content")
    try:
        found = sql.saved()
    except DataError as error:
        with popover("Saved", icon=":material/folder_open:"):
            st.text(fmt.plain(error, 500))
        return
    with popover("Saved", icon=":material/folder_open:"):
        _open(found)
    with popover("Save", icon=":material/save:"):
        _save(found)


def _open(found: Sequence[sql.SavedQuery]) -> None:
    if not found:
        st.text("No query is saved yet.")
        return
    names = [query.name for query in found]
    name = st.selectbox("Saved queries", names, key="sql-saved-name")
    query = found[names.index(name)]
    st.text(f"Saved by {fmt.one_line(query.by, 80)}, {fmt.moment(query.at)} UTC")
    st.code(fmt.plain(query.text, 600), language=None, wrap_lines=True)
    with st.container(horizontal=True):
        st.button("Open", icon=":material/edit_note:", type="primary", key="sql-open",
                  on_click=_opened, args=(query,))  # fmt: skip
        if st.session_state.get(_DELETING) != name:
            st.button("Delete", icon=":material/delete:", key="sql-delete",
                      on_click=_ask_first, args=(name,))  # fmt: skip
            return
        st.button("Delete for good", icon=":material/delete_forever:", key="sql-delete-for-good",
                  on_click=_deleted, args=(name,))  # fmt: skip
        st.button("Keep", key="sql-keep", on_click=_ask_first, args=(None,))


def _opened(query: sql.SavedQuery) -> None:
    put(query.text)
    st.query_params.pop("q", None)
    st.query_params["saved"] = query.name


def _ask_first(name: str | None) -> None:
    st.session_state[_DELETING] = name


def _deleted(name: str) -> None:
    _ask_first(None)
    _told(lambda: sql.delete(name), "Deleted.")


def _save(found: Sequence[sql.SavedQuery]) -> None:
    name = st.text_input("Name", key=_NAME, max_chars=sql.MAX_NAME_CHARACTERS)
    same = next((query for query in found if query.name == name.strip()), None)
    if same is not None:
        st.text(f"{fmt.one_line(same.by, 80)} saved one of this name at {fmt.moment(same.at)} UTC.")
    st.button(
        "Save" if same is None else "Replace it",
        type="primary",
        icon=":material/save:",
        key="sql-save",
        disabled=not name.strip(),
        on_click=_saved,
        args=(same is not None,),
    )
    st.caption("Everybody who opens this console can see and change saved queries.")


def _saved(replaces: bool) -> None:  # noqa: FBT001  # a callback's argument
    name, text = st.session_state.get(_NAME) or "", st.session_state.get(TEXT) or ""
    if _told(lambda: sql.save(name, text, replaces=replaces), "Saved."):
        st.query_params.pop("q", None)
        st.query_params["saved"] = name.strip()


def _told(work: Callable[[], None], done: str) -> bool:
    """Do what may be refused, and have it said above; False if it was refused."""
    try:
        work()
    except DataError as error:
        st.session_state[_TOLD] = str(error)
        return False
    st.session_state[_TOLD] = done
    return True
