"""What "Sessions" shows: answers of the store's named queries for sessions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.asking import STEP_S, open_at, place, with_local_time
from llmtrace.store.sessions import SessionEnd, find_sessions, session_summary, session_turns
from llmtrace.store.transcript import CONTEXT, Turn, transcript

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from dashboards.asking import Place
    from dashboards.figures import View
    from llmtrace.store.queries import Scope

__all__ = ["SessionEnd", "Turn"]

PAGE_ROWS: Final = 50
PAGE_TURNS: Final = 10
"""Turns shown at once: each may hold messages of a megabyte."""


def sessions(shown: View, text: str, after: SessionEnd | None) -> list[dict[str, Any]]:
    """Return one page of sessions, the last active first, and one row more if there are others.

    They have ``when``, the start of their last call in the range, in the viewer's zone.
    """
    rows = _sessions(place(), shown.scope, text, after)
    return _when(rows, "last_at", shown.zone)


def session(session_id: str, zone: str) -> dict[str, Any] | None:
    """Return a session's sums, with ``when`` it began; None if it is not stored."""
    found = session_summary(open_at(place()), session_id)
    return None if found is None else with_local_time([found], zone)[0]


def days_of(summary: Mapping[str, Any]) -> tuple[date, date]:
    """Return the days that a session touches in any time zone."""
    day = timedelta(days=1)
    return summary["start_time"].date() - day, summary["end_time"].date() + day


def pages(turns: int) -> int:
    """Return how many pages so many turns have."""
    return max(-(-turns // PAGE_TURNS), 1)


def turns(session_id: str, page: int, zone: str) -> list[Turn]:
    """Return the turns of a page, the first of which is 1, each with what it adds."""
    first = (page - 1) * PAGE_TURNS + 1
    # The turns before the page are read too: what they said is not new on it.
    rows = session_turns(
        open_at(place()), session_id, first=max(first - CONTEXT, 1), last=first + PAGE_TURNS - 1
    )
    found = transcript(with_local_time(rows, zone))
    return [turn for turn in found if turn.row["turn"] >= first]


def _when(rows: list[dict[str, Any]], name: str, zone: str) -> list[dict[str, Any]]:
    told = with_local_time([{**row, "start_time": row[name]} for row in rows], zone)
    return [{**row, "when": each["when"]} for row, each in zip(rows, told, strict=True)]


@st.cache_data(ttl=STEP_S, max_entries=200, show_spinner=False)
def _sessions(
    where: Place, scope: Scope, text: str, after: SessionEnd | None
) -> list[dict[str, Any]]:
    return find_sessions(open_at(where), scope, text=text, after=after, limit=PAGE_ROWS + 1)
