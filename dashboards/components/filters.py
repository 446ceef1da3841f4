"""The filter bar of every page, kept in the URL: what to look at, since when, and how.

Streamlit keeps the widgets and the URL alike (``bind``); what either says becomes a ``Choice``
through ``address.parse`` alone. Values come from spans and links: they are shown as plain text.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import streamlit as st
from streamlit.errors import StreamlitAPIException

from dashboards import address, data
from dashboards.components.format import one_line, plain
from dashboards.components.popover import popover

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

_LABELS: Final = {
    "environment": "Environment",
    "provider": "Provider",
    "model": "Model",
    "tenant": "Tenant",
    "user": "User",
    "feature": "Feature",
    "tag": "Tag",
}
_LONGEST: Final = 200
_KEPT: Final = "filters-kept"
_ELSEWHERE: Final = "elsewhere"
_RANGES: Final = (*address.RANGES, address.CUSTOM)
_MOMENTS: Final = ("from", "to")
_BEFORE: Final = "range-before"
_GOING: Final = "going-to"
_OPEN: Final = "filters-open"
_BAR_FIRST: Final = "bar-first"
_ACTED: Final = "acted-at"
_WIDGETS: Final = ("range", *_LABELS, "compare", "tables", "refresh", "zone")
"""Keys of the widgets that are always there."""


def filter_bar() -> data.View:
    """Show the bar and return what it says: scope, grain, time zone, and the choice itself."""
    _go_on()
    _carry_over()
    return data.view(_bar(), st.context.timezone)


def under_filters(draw: Callable[[data.View], None]) -> None:
    """Show the bar, and below it what ``draw`` draws of the calls that are meant.

    A browser draws things as they come, and the bar, with its popovers, takes it as long as all
    figures. So these come first where it is known from the run before what the bar will say.
    """
    _go_on()
    _carry_over()
    # A refresh runs what ``draw`` draws alone: this is the viewer.
    st.session_state[_ACTED] = time.monotonic()
    above, below = st.container(), st.container()
    known = _said_before()
    if known is not None:
        with below:
            draw(data.view(known, st.context.timezone))
    with above:
        choice = _bar()
    if known is None:
        with below:
            draw(data.view(choice, st.context.timezone))
    elif choice != known:  # the widgets have the last word
        st.session_state[_BAR_FIRST] = True
        st.rerun()


def _bar() -> address.Choice:
    # Before the widgets: Streamlit takes what they cannot show out of the URL without a word.
    linked = address.parse({name: st.query_params.get_all(name) for name in address.NAMES})
    with st.container(horizontal=True, vertical_alignment="center", key="filters"):
        said = {**_range(linked), **_filters(), **_looks()}
    choice = address.parse(said)
    _keep(choice)
    _chips(choice)
    _notes(dict.fromkeys((*linked.notes, *choice.notes)))
    return choice


def _said_before() -> address.Choice | None:
    """Return what the bar will say; None where only its widgets can tell."""
    state = st.session_state
    path, *_ = state.get(_KEPT, (None,))
    if state.pop(_BAR_FIRST, False) or path != _path():
        return None
    if any(name not in state for name in _WIDGETS) or state["range"] == address.CUSTOM:
        return None
    return address.parse({name: _texts(state[name]) for name in _WIDGETS})


def _texts(value: object) -> list[str]:
    """Return what a widget says as the URL has it."""
    if isinstance(value, list):
        return [str(each) for each in cast("list[object]", value)]
    if isinstance(value, bool):
        return [str(value).lower()]
    return [] if value is None else [str(value)]


def are_open() -> bool:
    """Say whether the viewer looks at what there is to choose from."""
    return bool(st.session_state.get(_OPEN))


def idle_s() -> float:
    """Return the seconds since the viewer opened this page or chose something in its bar."""
    acted: float = st.session_state.get(_ACTED, 0.0)
    return time.monotonic() - acted


def open_with(view: str, choice: address.Choice, **more: str) -> None:
    """Open another page, its filter bar saying ``choice``; ``more`` are parameters of its own.

    Streamlit lets no page set what its own bar is bound to, not even of the page it switches to.
    """
    shown: dict[str, object] = {
        "range": choice.range,
        **({"days": choice.days} if choice.days else {}),
        **{name: list(choice.filters.get(name, ())) for name in address.DIMENSIONS},
        "tag": address.serialise(choice).get("tag", []),
        "compare": choice.compare,
        "tables": choice.tables,
        "zone": choice.zone or address.BROWSER,
        "refresh": choice.refresh,
    }
    st.session_state[_GOING] = (view, more, (_ELSEWHERE, address.serialise(choice), shown))
    # Left from within a fragment, this page's widgets would keep the other's out of the URL.
    st.rerun(scope="app")


def _go_on() -> None:
    going = st.session_state.pop(_GOING, None)
    if going is not None:
        view, more, st.session_state[_KEPT] = going
        st.switch_page(view, query_params=more)


def _carry_over() -> None:
    """Take the choice along to another page: Streamlit drops it on the way to the first one."""
    path, said, shown = st.session_state.get(_KEPT, (None, {}, {}))
    if path in (None, _path()) or any(name in st.query_params for name in address.NAMES):
        return
    for name, values in said.items():
        # Left from within a fragment, the page before still has its widgets bound; those of this
        # one say the same, by what they are told below.
        with suppress(StreamlitAPIException):
            st.query_params[name] = values
    for name, value in shown.items():
        st.session_state[name] = value


def _keep(choice: address.Choice) -> None:
    shown = {name: st.session_state[name] for name in address.NAMES if name in st.session_state}
    st.session_state[_KEPT] = (_path(), address.serialise(choice), shown)


def _path() -> str:
    return urlsplit(st.context.url or "").path


def zoom(start: datetime, end: datetime) -> None:
    """Choose an exact range, in a callback only: the widgets must not be there yet."""
    before = st.session_state.get("range", address.DEFAULT_RANGE)
    if before != address.CUSTOM:
        st.session_state[_BEFORE] = before
    st.session_state["range"] = address.CUSTOM
    st.query_params["from"] = address.moment_text(start)
    st.query_params["to"] = address.moment_text(end)


def _range(linked: address.Choice) -> dict[str, list[str]]:
    span = st.segmented_control(
        "Range",
        _RANGES,
        default=address.DEFAULT_RANGE,
        required=True,
        key="range",
        bind="query-params",
        label_visibility="collapsed",
    )
    said = {"range": [span or address.DEFAULT_RANGE]}
    if span != address.CUSTOM:
        for name in _MOMENTS:
            st.query_params.pop(name, None)
        return said
    # The URL may not say yet that the range is custom: it follows what a callback chose.
    exact = {name: st.query_params.get_all(name) for name in _MOMENTS}
    moments = address.parse({"range": [address.CUSTOM], **exact}).moments
    if moments is not None:
        _exact(linked, moments)
        said.update(exact)
    else:
        said["days"] = _days()
    return said


def _exact(linked: address.Choice, moments: tuple[datetime, datetime]) -> None:
    """Show an exact range, and a way out of it."""
    zone = ZoneInfo(data.zone_of(linked, st.context.timezone))
    start, end = (each.astimezone(zone) for each in moments)
    is_one_day = start.date() == end.date()
    until = f"{end:%H:%M}" if is_one_day else f"{end:%Y-%m-%d %H:%M}"
    st.button(
        f"{start:%Y-%m-%d %H:%M} to {until}",
        icon=":material/close:",
        help="Back to the range before",
        on_click=_zoom_out,
        key="zoomed",
    )


def _zoom_out() -> None:
    st.session_state["range"] = st.session_state.pop(_BEFORE, address.DEFAULT_RANGE)


def _days() -> list[str]:
    # Nothing, as the default, is what only a list of nothing says.
    picked = st.date_input(
        "Days",
        value=[],
        min_value=date(2000, 1, 1),
        max_value=date(2199, 12, 31),
        format="YYYY-MM-DD",
        key="days",
        bind="query-params",
        label_visibility="collapsed",
        width=230,
    )
    return [day.isoformat() for day in picked if day]


def _filters() -> dict[str, list[str]]:
    choices = popover("Filters", icon=":material/filter_alt:", key=_OPEN, on_change="rerun")
    with choices:
        # What there is to choose from is asked for only by those who look.
        return {name: _choice(name, is_open=bool(choices.open)) for name in _LABELS}


def _choice(name: str, *, is_open: bool) -> list[str]:
    known: list[str] = []
    if is_open:
        known = data.known_pairs() if name == "tag" else data.known_values(name)
    # The URL holds what is shown, so nothing is shown otherwise than it is: what would have to
    # be escaped is not offered, though a link may name it.
    options = [value for value in known if value.isprintable() and len(value) <= _LONGEST]
    picked: Sequence[str] = st.multiselect(
        _LABELS[name],
        options,
        key=name,
        bind="query-params",
        # A link may name a value that is not among the most frequent.
        accept_new_options=True,
        placeholder="key=value" if name == "tag" else "All",
        # All is what nothing chosen means; as a choice it would be a long link.
        select_all=False,
    )
    return list(picked)


def _looks() -> dict[str, list[str]]:
    """Show what changes the look of a page but not which calls are meant."""
    zone = st.context.timezone or "UTC"
    browser = zone if address.is_zone(zone) else "none"
    with popover("View", icon=":material/tune:"):
        compare = st.toggle(
            "Compare with the range before", value=True, key="compare", bind="query-params"
        )
        tables = st.toggle("Charts as tables", key="tables", bind="query-params")
        refresh = st.selectbox(
            "Refresh every",
            list(address.REFRESHES),
            index=list(address.REFRESHES).index(address.DEFAULT_REFRESH),
            key="refresh",
            bind="query-params",
        )
        picked = st.selectbox(
            "Time zone",
            [address.BROWSER, *address.zones()],
            help=f"Days begin at midnight there. The browser says {browser}.",
            key="zone",
            bind="query-params",
        )
    return {
        "compare": _texts(compare),
        "tables": _texts(tables),
        "refresh": _texts(refresh),
        "zone": _texts(picked),
    }


def _chips(choice: address.Choice) -> None:
    if not choice.filters:
        return
    active = [
        f"{_name(name)}: {one_line(', '.join(values), 120)}"
        for name, values in choice.filters.items()
    ]
    with st.container(horizontal=True, vertical_alignment="center", key="chips"):
        st.text("Only  " + "  ·  ".join(active), width="content")
        st.button(
            "Clear filters", icon=":material/close:", type="tertiary", on_click=_clear, key="clear"
        )


def _name(dimension: str) -> str:
    if dimension.startswith("tag."):
        return f"Tag {one_line(dimension.removeprefix('tag.'), 60)}"
    return _LABELS[dimension]


def _clear() -> None:
    for name in _LABELS:
        st.session_state[name] = []


def _notes(notes: dict[str, None]) -> None:
    if not notes:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="url-notes"):
        st.badge("Link", icon=":material/link_off:", color="orange")
        st.text("\n".join(plain(note, 300) for note in list(notes)[:5]))
