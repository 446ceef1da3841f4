"""System: prices, retention, hourly sums, what was counted since the store was made, the audit."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards import data
from dashboards import data_system as system
from dashboards.components import format as fmt
from dashboards.components.grid import grid
from llmtrace.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHECKED: Final = "system-rollups"


def upkeep(shown: data.View) -> None:
    """Show prices, retention, hourly sums, what was counted, and the audit."""
    left, right = st.columns(2, gap="small")
    with left, st.container(border=True, height="stretch"):
        st.subheader("Prices, retention, hourly sums", anchor=False)
        _prices(shown)
        _retention(shown)
        _rollups(shown)
    with right, st.container(border=True, height="stretch"):
        st.subheader("Counted since the store was made", anchor=False)
        counts = system.counts()
        if counts:
            grid(
                {
                    "What": [fmt.one_line(name, 80) for name in counts],
                    "How many": [fmt.count(count) for count in counts.values()],
                },
                names=["What"],
                alt="What was lost, refused, repaired or deleted since the store was made",
                key="counts",
            )
            st.caption(
                "lost: by apps, as they say; rejected, repaired, limited: what came and could not "
                "be true or was too long; deleted, forgotten: by commands."
            )
        else:
            st.badge("Nothing was lost, refused, repaired or deleted",
                     icon=":material/check_circle:", color="green")  # fmt: skip
    _audit(shown)


def _prices(shown: data.View) -> None:
    prices = system.prices()
    age = ""
    if prices.since is not None:
        days = (shown.now - prices.since).days
        age = f", on this machine since {prices.since:%Y-%m-%d} ({fmt.plural(max(days, 0), 'day')})"
    st.text(f"Price list: {prices.version}{age}")
    own = "none" if prices.overrides is None else fmt.one_line(prices.overrides, 200)
    st.text(f"Your own prices: {own}")
    if prices.unpriced_calls:
        st.text(
            f"Without a price: {fmt.plural(prices.unpriced_calls, 'call')} of "
            f"{fmt.plural(prices.unpriced_models, 'model')}; type llmtrace prices unpriced"
        )
    else:
        st.text("Every answered call has a price.")


def _retention(shown: data.View) -> None:
    rows = system.latest("retention", limit=1)
    if not rows:
        st.text("Retention: never run. Everything is kept until llmtrace retention deletes it.")
        return
    (row,) = rows
    kept = [
        f"{what} before {local_moment(shown, datetime.fromisoformat(row['arguments'][name]))}"
        for what, name in (("contents", "payloads_before"), ("spans", "spans_before"))
        if row["arguments"].get(name)
    ]
    st.text(
        f"Retention: last run {local_moment(shown, row['recorded_at'])}, deleted "
        f"{' and '.join(kept) or 'nothing'}."
    )


def _rollups(shown: data.View) -> None:
    checked: tuple[datetime, dict[str, Any]] | None = st.session_state.get(_CHECKED)
    with st.container(horizontal=True, vertical_alignment="center"):
        if checked is None:
            st.text("Hourly sums: written with every span; not checked on this page yet.")
        else:
            at, found = checked
            is_right = not found["wrong_rows"]
            st.badge("Sums agree" if is_right else "Sums are wrong",
                     icon=":material/check_circle:" if is_right else ":material/error:",
                     color="green" if is_right else "red")  # fmt: skip
            st.text(
                f"{fmt.plural(found['hours'], 'hour')}, {fmt.plural(found['calls'], 'call')}, "
                f"{fmt.plural(found['wrong_rows'], 'wrong row')}; checked {local_moment(shown, at)}"
                + ("" if is_right else ": llmtrace rollups --rebuild")
            )
        st.button("Check hourly sums", icon=":material/rule:", key="system-check", on_click=_check)


def _check() -> None:
    try:
        st.session_state[_CHECKED] = (SystemClock().now(), system.check_rollups())
    except data.DataError:
        st.session_state.pop(_CHECKED, None)


def _audit(shown: data.View) -> None:
    with st.container(border=True):
        st.subheader("Audit trail", anchor=False)
        rows = system.latest()
        if not rows:
            st.text("No command and nobody here has changed, taken or asked anything yet.")
            return
        grid(
            {
                "When": [local_moment(shown, row["recorded_at"]) for row in rows],
                "Who": [fmt.one_line(row["actor"], 60) for row in rows],
                "What": [fmt.one_line(row["operation"], 40) for row in rows],
                "With": [_short(row["arguments"]) for row in rows],
                "Outcome": [_short(row["outcome"]) for row in rows],
            },
            names=["When", "Who", "What", "With", "Outcome"],
            alt="Who changed, took or asked what, newest first",
            key="audit",
        )
        st.caption(f"The latest {system.AUDIT_ROWS} rows of the table audit; SQL has all of them.")


def local_moment(shown: data.View, at: datetime) -> str:
    """Return an aware time as the viewer's clocks show it."""
    return fmt.moment(at.astimezone(ZoneInfo(shown.zone)))


def _short(value: Mapping[str, Any]) -> str:
    return fmt.one_line(json.dumps(value, ensure_ascii=False), 200)
