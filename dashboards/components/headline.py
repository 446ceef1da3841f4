"""The first words of the Overview: today's spend, is it usual, on what, for whom, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import streamlit as st

from dashboards import data, data_today
from dashboards.components import format as fmt
from dashboards.components.filters import open_with

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboards.data_today import Next, Today, Top
    from dashboards.figures import View
    from llmtrace.store.usual import Verdict

    Badge = tuple[str, Literal["green", "orange", "blue", "gray"], str]

_BADGES: Final[dict[Verdict, Badge]] = {
    "usual": ("Usual", "green", ":material/check:"),
    "high": ("Unusually high", "orange", ":material/trending_up:"),
    "low": ("Unusually low", "blue", ":material/trending_down:"),
    "unknown": ("Not known if usual", "gray", ":material/help:"),
}
_NEXT: Final[dict[Next, tuple[str, str]]] = {
    "alert": ("Next: an alert fires; see which calls are behind it.", "Open the alert"),
    "spike": ("Next: see which calls made today expensive.", "Open today's cost"),
    "price": ("Next: give each model a price, as said on Cost.", "Open today's cost"),
    "savings": ("Next: nothing is urgent; see what could be saved.", "Open savings"),
}


def headline(shown: View) -> None:
    """Show it, with the page that helps next."""
    today = data_today.today(shown)
    badge, color, icon = _BADGES[today.usual.verdict]
    advice, label = _NEXT[today.next]
    with st.container(border=True, key="headline", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", key="spent-today"):
            st.badge(badge, color=color, icon=icon)
            st.text(spent_told(today), width="stretch")
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.text(f"{usual_told(today)} {tops_told(today.top)}".strip(), width="stretch")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(advice)
            if st.button(label, icon=":material/arrow_forward:", type="tertiary", key="next"):
                _open(shown, today.next)


def spent_told(today: Today) -> str:
    """Return how much it is, and how that compares with yesterday."""
    if today.spent is None:
        if not today.requests:
            return "Nothing was called today so far."
        calls = fmt.plural(today.requests, "call")
        return f"No spend is known today so far: {calls}, none with a price."
    said = f"{fmt.money(today.spent)} spent today so far"
    if today.unpriced:
        have = "has" if today.unpriced == 1 else "have"
        said = f"At least {said} ({fmt.plural(today.unpriced, 'call')} {have} no price)"
    changed = fmt.change(today.change)
    return f"{said}, {changed} against yesterday by this time." if changed else f"{said}."


def usual_told(today: Today) -> str:
    """Return what is usual for this weekday, as of the last whole hour."""
    usual = today.usual
    if usual.low is None or usual.high is None:
        return f"What is usual needs four earlier {today.weekday}s; {usual.periods} are stored."
    band = f"{fmt.money(usual.low)} to {fmt.money(usual.high)}"
    if usual.verdict == "unknown":
        return "The day has just begun."
    spent = fmt.money(today.spent_by_then)
    return f"By {today.until:02d}:00 it was {spent}; on a {today.weekday}, {band} is usual."


def tops_told(top: Mapping[str, Top]) -> str:
    """Return on what and for whom most was spent; empty if no call names any."""
    parts = [
        f"{name} {fmt.one_line(lead.name, 60)} ({fmt.percent(lead.share, 0)})"
        for name, lead in top.items()
    ]
    return f"What costs most: {', '.join(parts)}." if parts else ""


def _open(shown: View, step: Next) -> None:
    if step == "alert":
        st.switch_page("views/alerts.py", query_params={"alert": data.alerts()[0]["episode"]})
    elif step == "savings":
        open_with("views/savings.py", shown.choice)
    else:
        open_with("views/cost.py", data_today.todays_calls(shown))
