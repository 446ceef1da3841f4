"""What a page shows instead of figures: nothing yet, nothing found, or the store cannot answer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards import data
from dashboards.access import NotAllowedError, NotSignedInError, viewer
from dashboards.address import REFRESHES
from dashboards.components.format import plain
from llmtrace.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

_TOLD_FROM: Final = timedelta(minutes=1)
START: Final = """pip install 'llmtrace-toolkit[all]'

import llmtrace
llmtrace.instrument()   # before the first call; then use openai or anthropic as ever
"""
_CSS: Final = """<style>
.stMainBlockContainer{padding-left:2rem;padding-right:2rem;max-width:1680px}
@media (max-width:640px){.stMainBlockContainer{padding-left:1rem;padding-right:1rem}
.st-key-search [data-testid="stTextInput"]{min-width:100%}}
.figures{max-height:420px;overflow:auto}
.figures table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
.figures caption{text-align:left;padding:.2rem 0;font-size:.88rem}
.figures th,.figures td{padding:.3rem .6rem;border-bottom:1px solid rgba(128,128,128,.3);
text-align:right;white-space:nowrap}
.figures th:first-child{text-align:left;overflow-wrap:anywhere;white-space:normal}
.st-key-page-title [data-testid="stText"]{font-size:1.45rem;font-weight:640}
.st-key-chips [data-testid="stText"]{font-size:.88rem;opacity:.72}
.st-key-sql-text textarea{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.87rem}
[data-testid="stText"]{white-space:pre-wrap;overflow-wrap:anywhere}
[class*="st-key-message"] [data-testid="stChatMessage"]{padding-top:.6rem;padding-bottom:.6rem}
[data-testid="stBaseButton-primary"],[data-testid="stMultiSelectTagsContainer"] [data-tag]
{background:#3b5bdb;border-color:#3b5bdb;color:#fff}
[data-testid="stBaseButton-primary"] kbd{color:#fff;opacity:1}
.st-key-spent-today [data-testid="stText"]{font-weight:640}
.stCode pre .token:is(.property,.attr-name,.variable){color:light-dark(#0b6285,#7fd3f0)}
.stCode pre .token:is(.string,.char,.attr-value){color:light-dark(#0f6b2f,#5ce488)}
.stCode pre .token:is(.boolean,.constant,.symbol,.number,.regex){color:light-dark(#0b6658,#6fe3cf)}
.stCode pre .token:is(.punctuation,.comment,.prolog){color:light-dark(#5b6070,#a3a8b8)}
.stCode pre .token:is(.operator,.entity,.keyword,.function,.builtin)
{color:light-dark(#5a3fc0,#b39bff)}
</style>"""


_RETRY_S: Final = 5


def page(render: Callable[[], None], *, needs_calls: bool = True) -> None:
    """Show a page, or in its place the empty state or what is wrong with the store.

    ``needs_calls``: without any call there is nothing that the page could show.
    """
    st.html(_CSS)
    try:
        if needs_calls and not data.has_calls():
            _waiting()
            return
        render()
    except data.DataError as error:
        _unavailable(error)


def live(shown: data.View, draw: Callable[[data.View], None], *, is_summary: bool = False) -> None:
    """Draw a page's figures, and again as often as the viewer chose: the range moves on.

    ``is_summary``: of many calls; a long range of those moves on in longer steps, and says so.
    A store that goes away between two looks is said in their place.
    """

    @st.fragment(run_every=REFRESHES[shown.choice.refresh])
    def again() -> None:
        try:
            now = data.moved_on(shown)
            drawn = data.settled(now) if is_summary else now
            draw(drawn)
            if now.scope.end - drawn.scope.end >= _TOLD_FROM:
                until = drawn.scope.end.astimezone(ZoneInfo(drawn.zone))
                st.caption(f"Calls until {until:%H:%M}: a range this long moves on in steps.")
        except data.DataError as error:
            _unavailable(error, draw.__name__)

    again()


def nothing_found(what: str) -> None:
    """Say that the filters leave nothing, and what to do."""
    st.info(
        f"No {what} in this range with these filters. Choose a longer range, or clear a filter.",
        icon=":material/search_off:",
    )


def _unavailable(error: Exception, part: str = "page") -> None:
    if isinstance(error, (NotAllowedError, NotSignedInError)):
        st.info(plain(error), icon=":material/lock:")
        return
    with st.container(border=True):
        st.subheader("The store cannot be read", anchor=False)
        st.text(plain(error, 2_000))
        comes_back = isinstance(error, StoreError)
        st.caption(
            "Nothing is lost: calls wait in the spool until a store takes them."
            + (f" This page looks again every {_RETRY_S} seconds." if comes_back else "")
        )
        st.button("Try again", icon=":material/refresh:", key=f"try-again-{part}")
    if comes_back:  # a question that is wrong or too slow would be so again
        _try_again_later()


def _try_again_later() -> None:
    """Run the page anew in a while, whether or not the viewer has it refreshed."""
    is_later = False

    @st.fragment(run_every=_RETRY_S)
    def again() -> None:
        nonlocal is_later
        if is_later:
            st.rerun()
        is_later = True

    again()


def _waiting() -> None:
    with st.container(border=True):
        st.subheader("Waiting for the first call", anchor=False)
        st.text("Two lines in your program, and its calls show up here:")
        st.code(START, language="python")
        st.caption("No key, no server, no sign-up. This page looks every two seconds.")
        with st.container(horizontal=True):
            st.badge("Listening", icon=":material/sensors:", color="blue")
            if viewer().sees_all:
                st.text(f"Store: {plain(data.home())}")
    _look_again()


@st.fragment(run_every="2s")
def _look_again() -> None:
    try:
        arrived = data.has_calls()
    except data.DataError:
        arrived = False
    if arrived:
        st.rerun()
