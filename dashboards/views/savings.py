"""Savings: what could cost less, within bounds that hold, for whom, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards import data_savings
from dashboards.components import format as fmt
from dashboards.components.cards import choosing_card
from dashboards.components.filters import under_filters
from dashboards.components.findings import TITLES, Finding, findings, name_of
from dashboards.components.grid import grid
from dashboards.components.states import live, nothing_found, page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dashboards import data
    from dashboards.data_savings import Row

_WINDOWS: Final = {"5m": "Repeats within 5 min", "1h": "1 hour", "24h": "24 hours"}
_ROWS: Final = 12
_CALLS: Final = ("Time", "Model", "Feature", "What")


def render() -> None:
    """Show the page."""
    st.title("Savings", anchor=False)
    under_filters(lambda shown: live(shown, _body))


def _body(shown: data.View) -> None:
    with choosing_card(
        "What could cost less", "Repeats within", _WINDOWS, key="window", default="1h", in_url=True
    ) as window:
        settled = data_savings.settled(shown)
        found = findings(settled, window)
        grid(
            {
                "Finding": [TITLES[name] for name in found],
                "Would have saved": [
                    fmt.NONE if each.failed else each.saved for each in found.values()
                ],
                "What": [
                    fmt.one_line(each.failed, 90) if each.failed else each.told
                    for each in found.values()
                ],
                "Mostly": [each.who for each in found.values()],
                "Looked at": [each.looked for each in found.values()],
            },
            names=["Finding", "What", "Mostly", "Looked at"],
            key="findings",
            alt="What could cost less, by kind of finding",
        )
        at = settled.now.astimezone(ZoneInfo(settled.zone))
        st.caption(
            f"As of {at:%H:%M}, of the calls looked at; "
            "nothing is extrapolated. A call may be in several findings: they do not add up."
        )
    _detail(found)


def _detail(found: Mapping[str, Finding]) -> None:
    with choosing_card("Details", "Finding", TITLES, key="finding", in_url=True) as name:
        finding = found[name]
        if finding.failed is not None:
            st.text(fmt.one_line(finding.failed, 500))
            st.caption("Choose a shorter range, or a filter.")
            return
        st.caption(finding.advice)
        rows = len(next(iter(finding.columns.values()), ()))
        if not rows:
            st.badge(f"Nothing found in {finding.looked}", icon=":material/check:", color="green")
            return
        shown = {column: list(cells)[:_ROWS] for column, cells in finding.columns.items()}
        picked = grid(shown, names=finding.names, key=f"finding-{name}", alt=TITLES[name],
                      picks=True)  # fmt: skip
        more = f"The first {_ROWS} of {rows:,}. " if rows > _ROWS else ""
        st.caption(f"{more}Select a row to list its calls.")
        if picked is not None and picked < rows:
            _picked(finding, picked, name)


def _picked(finding: Finding, place: int, name: str) -> None:
    with st.container(horizontal=True):
        for label, link in finding.links.items():
            if st.button(label, icon=":material/arrow_forward:", key=f"{name}-{label}"):
                link(place)
    rows = finding.calls(place)
    if not rows:
        nothing_found("such call")
        return
    cells = {title: show for title, (key, show) in _CELLS.items() if key in rows[0]}
    chosen = grid(
        {title: [show(row) for row in rows] for title, show in cells.items()},
        names=_CALLS,
        key=f"calls-{name}",
        alt="Calls of the finding, the latest",
        picks=True,
    )
    st.caption("Select a call to open its trace.")
    if chosen is not None:
        row = rows[chosen]
        st.switch_page(
            "views/traces.py", query_params={"trace": row["trace_id"], "span": row["span_id"]}
        )


# Column → the key that a row must have, and what is shown of it.
_CELLS: Final[Mapping[str, tuple[str, Callable[[Row], str]]]] = {
    "Time": ("when", lambda row: f"{row['when']:%d %b %H:%M:%S}"),
    "Model": ("model", lambda row: name_of(row["model"])),
    "Feature": ("feature", lambda row: name_of(row["feature"])),
    "Cost": ("cost_usd", lambda row: fmt.money(row["cost_usd"])),
    "What": ("about", lambda row: row["about"]),
}


page(render)
