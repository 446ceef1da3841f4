"""Who is not signed in sees how to, and nothing else; who is sees as whom, and the way out.

In mode ``token`` the form is the front door's: who gets here without a session had one that ended.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

from dashboards import access, home
from dashboards.components.format import one_line

_DEFAULT: Final = "default"
# Streamlit opens links in a new tab; this one is of this site, and leads out of this page.
_LEAVE: Final = '<a href="/sign-in" target="_self" style="color:inherit">Sign out</a>'
_CSS: Final = """<style>
.st-key-account{gap:.35rem}
.st-key-account [data-testid="stText"]{font-size:.87rem;opacity:.75;overflow-wrap:anywhere}
</style>"""


def present() -> access.Viewer | None:
    """Return who looks; None if nobody is signed in."""
    try:
        return access.viewer()
    except access.NotSignedInError:
        return None


def gate(who: access.Viewer | None) -> None:
    """Go on for who may see something; show others what to do, and end the run."""
    if who is None:
        _ask()
        st.stop()
    if home.settings().dashboard_sign_in == "none":
        return
    if who.tenants is not None and not who.tenants:
        _nothing(who)
        st.stop()
    with st.sidebar, st.container(key="account"):
        st.html(_CSS)
        _account(who)


def _ask() -> None:
    with (
        st.container(horizontal_alignment="center"),
        st.container(border=True, width=420),
    ):
        st.subheader("Sign in", anchor=False)
        if home.settings().dashboard_sign_in == "token":
            st.text("Your session has ended, or these pages were not started by llmtrace.")
            st.html('<a href="/sign-in" target="_self">Sign in again</a>')
            return
        st.text("These dashboards are for people who sign in.")
        for name in home.providers() or [_DEFAULT]:
            label = "Sign in" if name == _DEFAULT else f"Sign in with {one_line(name, 40)}"
            st.button(
                label,
                icon=":material/login:",
                type="primary",
                width="stretch",
                key=f"sign-in-{name}",
                on_click=st.login,
                args=() if name == _DEFAULT else (name,),
            )


def _nothing(who: access.Viewer) -> None:
    with (
        st.container(horizontal_alignment="center"),
        st.container(border=True, width=560),
    ):
        st.subheader("Nothing to see for this account", anchor=False)
        claim = home.settings().dashboard_tenants_claim
        st.text(
            f"You are signed in as {one_line(who.name, 80)}, and your provider names no tenant for "
            f"you (claim {one_line(claim, 60)}). Ask whoever runs these dashboards."
        )
        st.button("Sign out", icon=":material/logout:", on_click=st.logout)


def _account(who: access.Viewer) -> None:
    if home.settings().dashboard_sign_in == "token":
        st.html(_LEAVE)
        return
    st.text(one_line(who.name, 60))
    if who.tenants is not None:
        st.text("Only " + one_line(", ".join(sorted(who.tenants)), 200))
    st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=st.logout)
